#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "profiles/quality/agreement.h"

namespace roberta::registry {

inline constexpr size_t kMostCalibrationTexts = 512;

/// What a profile is made of.
struct ProfileSpec {
  std::string name;    ///< what requests call it
  std::string recipe;  ///< of the table of recipes
  /// Checkpoint it computes with; empty: the model's. A recipe that prunes and has no keep_macs then takes the pruned
  /// variant in the model's directory, where there is one (see checkpoint::FindPrunedVariant).
  std::string directory;
  /// Share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps; kKeepMacs where absent.
  std::optional<double> keep_macs;
  /// Texts whose inputs a recipe that is smoothed is smoothed by, as quality::ReadSample reads them, with labels or
  /// without. The first kMostCalibrationTexts count. Empty: the calibration in the checkpoint's directory (see
  /// encoder::kCalibrationFile), if there is one and the checkpoint is not cut at load.
  std::string calibration_file;
  /// Limits that are set here replace the recipe's.
  quality::Gate gate;
};

}  // namespace roberta::registry
