#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace roberta::series {

/// A run of a series.
struct Step {
  std::string profile;  ///< "": the server's default
  double level = 0;     ///< users, or requests/s
  int64_t turn = 0;
};

/// Turn by turn, and in each level by level, all profiles one after the other, so that whatever changes in the course
/// of a series changes for all of them alike.
std::vector<Step> Schedule(const std::vector<std::string>& profiles, const std::vector<double>& levels, int64_t turns);

/// "quantized, 16 users, turn 2 of 3"; without the turn if there is but one. `load`: "16 users".
std::string StepText(const Step& step, const std::string& load, int64_t turns);

/// How far a series is, for a bar: both in the same unit of time.
struct Share {
  uint64_t done = 0, total = 0;
};

/// Foretells how long a series takes from the runs it has made. One thread.
class ExpectedTime {
 public:
  explicit ExpectedTime(size_t runs) : runs_left_(runs) {}

  /// Within a run, of which `elapsed` of at most `longest` have passed.
  Share During(std::chrono::nanoseconds elapsed, std::chrono::nanoseconds longest) const;
  /// A run is over that took `taken`, with all around it.
  void RunEnded(std::chrono::nanoseconds taken);

 private:
  size_t runs_left_;  ///< the one under way counts
  size_t runs_made_ = 0;
  std::chrono::nanoseconds spent_{0};
};

}  // namespace roberta::series
