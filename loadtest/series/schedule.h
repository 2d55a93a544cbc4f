#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::loadtest::series {

/// The limits of levels of load.
struct LevelLimits {
  double least = 0, most = 0;
  bool whole = false;  ///< whole numbers only
};

/// Levels of load, ascending, each once: "16", "1,4,16", "1:9:2" (1, 3, 5, 7, 9) or "1:16" (doubled each time: 1, 2, 4,
/// 8, 16; the end is always one). InvalidArgument, naming what is wrong, for anything else, for levels beyond `limits`
/// and for more than 1000.
absl::StatusOr<std::vector<double>> ParseLevels(std::string_view text, const LevelLimits& limits);

/// A run of a series.
struct Step {
  std::string profile;  ///< "": the server's default
  double level = 0;     ///< users, or requests/s
  int64_t turn = 0;
};

/// Goes through the turns, in each turn through the levels, and at each level through the profiles, so that changes on
/// the machine affect all profiles alike.
std::vector<Step> Schedule(const std::vector<std::string>& profiles, const std::vector<double>& levels, int64_t turns);

/// "quantized, 16 users, turn 2 of 3"; without the turn if there is but one. `load`: "16 users".
std::string StepText(const Step& step, const std::string& load, int64_t turns);

/// The progress of a series, for a bar: both in the same unit of time.
struct Share {
  uint64_t done = 0, total = 0;
};

/// Predicts how long a series takes from the runs it has made. One thread.
class ExpectedTime {
 public:
  explicit ExpectedTime(size_t runs) : runs_left_(runs) {}

  /// Within a run, of which `elapsed` of at most `longest` have passed.
  Share During(std::chrono::nanoseconds elapsed, std::chrono::nanoseconds longest) const;
  /// A run has ended that took `taken`, including the work before and after it.
  void RunEnded(std::chrono::nanoseconds taken);

 private:
  size_t runs_left_;  ///< the one under way counts
  size_t runs_made_ = 0;
  std::chrono::nanoseconds spent_{0};
};

}  // namespace roberta::loadtest::series
