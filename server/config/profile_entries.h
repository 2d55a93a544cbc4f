#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "config/server_config.pb.h"

namespace roberta::config {

/// A recipe that this server was built with.
struct KnownRecipe {
  std::string name;
  bool prunes = false;   ///< takes keep_macs
  bool smooths = false;  ///< takes a calibration_file
  bool is_loaded_by_default = true;
  bool always_pads = false;  ///< its batches are padded ones, whatever way is asked for
};

/// Without entries adds one for each of `recipes`, to be loaded if the recipe is loaded by default. `only`, unless
/// empty, are the profiles to load: an entry that is not among them is not loaded at start, and what has no entry gets
/// one for the recipe of that name. Then fills in recipes, `load`, how batches are loaded and the default profile: the
/// first of `only`, else the first to be loaded.
void CompleteProfiles(const std::vector<std::string>& only, const std::optional<std::string>& default_profile,
                      const std::vector<KnownRecipe>& recipes, ServerConfig* config);

/// InvalidArgument names the first field and value that is wrong.
absl::Status CheckProfiles(const ServerConfig& config, const std::vector<KnownRecipe>& recipes);

}  // namespace roberta::config
