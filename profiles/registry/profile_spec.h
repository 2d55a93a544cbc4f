#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "profiles/quality/agreement.h"

namespace roberta::registry {

inline constexpr size_t kMostCalibrationTexts = 512;

/// What a profile is made of.
struct ProfileSpec {
  std::string name;       ///< what requests call it
  std::string recipe;     ///< of the table of recipes
  std::string directory;  ///< checkpoint it computes with; empty: the model's
  /// Share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps; kKeepMacs where absent.
  std::optional<double> keep_macs;
  /// Texts whose inputs a recipe that is smoothed is smoothed by, as quality::ReadSample reads them, with labels or
  /// without; empty: none. The first kMostCalibrationTexts count.
  std::string calibration_file;
  /// Limits that are set here take the place of the recipe's.
  quality::Gate gate;
};

}  // namespace roberta::registry
