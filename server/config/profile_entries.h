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
  bool always_pads = false;  ///< it pads batches, whatever data_loading says
};

/// Adds an entry for each of `recipes` to a config that has none, loaded at start if the recipe is loaded by default.
/// Unless `only` is empty, exactly the profiles that it names are loaded at start; those without an entry get one. Then
/// fills in recipes, `load`, `data_loading` and the default profile: the first of `only`, else the first to be loaded.
void CompleteProfiles(const std::vector<std::string>& only, const std::optional<std::string>& default_profile,
                      const std::vector<KnownRecipe>& recipes, ServerConfig* config);

/// InvalidArgument names the first field and value that is wrong.
absl::Status CheckProfiles(const ServerConfig& config, const std::vector<KnownRecipe>& recipes);

}  // namespace roberta::config
