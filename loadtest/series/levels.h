#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::series {

/// What levels of load may be.
struct LevelLimits {
  double least = 0, most = 0;
  bool whole = false;  ///< whole numbers only
};

/// Levels of load, ascending, each once: "16", "1,4,16", "1:9:2" (1, 3, 5, 7, 9) or "1:16" (doubled each time: 1, 2, 4,
/// 8, 16; the end is always one). InvalidArgument, naming what is wrong, for anything else, for levels beyond `limits`
/// and for more than 1000.
absl::StatusOr<std::vector<double>> ParseLevels(std::string_view text, const LevelLimits& limits);

}  // namespace roberta::series
