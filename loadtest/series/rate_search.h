#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"
#include "loadtest/series/objective.h"

namespace roberta::series {

/// Where a search looks, and how finely. All in requests/s and as ratios.
struct SearchRange {
  double lowest = 1, highest = 100'000;
  double start = 16;
  double growth = 2;  ///< from one rate to the next until one is too high; above 1
  double resolution =
      1.05;  ///< ends when the lowest rate known to be too high is at most so much above the highest kept
};

/// Tries a rate. An error breaks the search off.
using ProbeAt = std::function<absl::StatusOr<Probe>(double rate)>;

/// The highest rate that keeps the objective, to within the resolution: up (or down) by `growth` from `start` until one
/// rate is kept and another is not, then between them by halves of their ratio. 0 if not even `lowest` is kept,
/// `highest` if that is. Rates have three digits. The error of a probe that failed.
absl::StatusOr<double> FindHighestRate(const SearchRange& range, const ProbeAt& probe);

struct SearchPlan {
  Objective objective;
  double least_good_ratio = 0.99;
  int64_t repeats = 3;
  SearchRange range;
};

/// Tries a rate on a profile, in a repeat.
using ProbeProfileAt = std::function<absl::StatusOr<Probe>(const std::string& profile, int64_t repeat, double rate)>;

/// Searches for each of `profiles` `repeats` times, all profiles once before any a second time. Later repeats begin
/// where the first one ended. When a probe fails, what is left is not tried, and every search that lacks a repeat says
/// why; what was found stays.
std::vector<record::RateSearch> SearchRates(const SearchPlan& plan, const std::vector<std::string>& profiles,
                                            const ProbeProfileAt& probe);

}  // namespace roberta::series
