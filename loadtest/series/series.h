#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"

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

/// A service level objective: a quantile of the latency and its limit.
struct Objective {
  double quantile = 0.99;
  double latency_ms = 0;
};

/// "p99=50ms": p50, p90, p95, p99 or p99.9; us, ms or s. InvalidArgument for anything else, and for times that are not
/// from 1 us to an hour.
absl::StatusOr<Objective> ParseObjective(std::string_view text);

/// "p99 of 50 ms".
std::string ObjectiveText(const Objective& objective);

/// The result of a run at one rate.
struct Probe {
  double latency_ms = 0;  ///< at the objective's quantile; 0: nothing was answered
  double good_ratio = 0;  ///< answered within the objective, of what was due
  bool kept = false;      ///< the quantile is within the objective, and the ratio is high enough
};

/// Judges `result`, which must have counted the answers within the objective as good. Requests that were due and not
/// sent are not good.
Probe Judge(const runner::RunResult& result, const Objective& objective, double least_good_ratio);

/// The range and the resolution of a search, in requests/s and as ratios.
struct SearchRange {
  double lowest = 1, highest = 100'000;
  double start = 16;
  double growth = 2;  ///< from one rate to the next until one is too high; above 1
  double resolution =
      1.05;  ///< ends when the lowest rate known to be too high is at most so much above the highest kept
};

/// Tries a rate. An error breaks the search off.
using ProbeAt = std::function<absl::StatusOr<Probe>(double rate)>;

/// The highest rate that meets the objective, to within the resolution. Goes up (or down) from `start` by `growth`
/// until one rate meets it and another does not, then bisects the ratio between them. 0 if not even `lowest` meets it,
/// `highest` if that does. Rates have three digits. Returns the error of a probe that failed.
absl::StatusOr<double> FindHighestRate(const SearchRange& range, const ProbeAt& probe);

struct SearchPlan {
  Objective objective;
  double least_good_ratio = 0.99;
  int64_t repeats = 3;
  SearchRange range;
};

/// Tries a rate on a profile, in one of the repeats.
using ProbeProfileAt = std::function<absl::StatusOr<Probe>(const std::string& profile, int64_t repeat, double rate)>;

/// Searches for each of `profiles` `repeats` times, all profiles once before any a second time. Later repeats begin
/// where the first one ended. When a probe fails, what is left is not tried, and every search that lacks a repeat says
/// why; what was found stays.
std::vector<record::RateSearch> SearchRates(const SearchPlan& plan, const std::vector<std::string>& profiles,
                                            const ProbeProfileAt& probe);

}  // namespace roberta::loadtest::series
