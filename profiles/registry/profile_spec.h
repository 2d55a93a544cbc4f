#pragma once

#include <optional>
#include <string>

#include "profiles/quality/agreement.h"

namespace roberta::registry {

/// What a profile is made of.
struct ProfileSpec {
  std::string name;       ///< what requests call it
  std::string recipe;     ///< of the table of recipes
  std::string directory;  ///< checkpoint it computes with; empty: the model's
  /// Share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps; kKeepMacs where absent.
  std::optional<double> keep_macs;
  /// Limits that are set here take the place of the recipe's.
  quality::Gate gate;
};

}  // namespace roberta::registry
