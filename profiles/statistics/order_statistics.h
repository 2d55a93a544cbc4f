#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace roberta::statistics {

/// The middle one of some measurements, the mean of the two in the middle of an even number, and values around it.
struct Spread {
  double low = 0, median = 0, high = 0;
};

/// With the smallest and the largest of `values`; nothing of nothing.
std::optional<Spread> SpreadOf(std::vector<double> values);

/// With an interval that holds the true median whatever the distribution: between two of `values` that are equally far
/// from either end, as near to each other as a coverage of 95 % allows. Of fewer than six it is all of their range, and
/// covers less. `values`: one at least, and 1000 at most.
Spread MedianOf(std::vector<double> values);

/// How often the interval of that many measurements holds the true median: 1 - 2 P(B < k) for a binomial B of that many
/// fair coins, between the k-th smallest and the k-th largest of them.
double CoverageOfInterval(size_t measurements);

/// The smallest of `values` (one at least) that `share` of them, in (0, 1], do not exceed.
double Quantile(std::vector<double> values, double share);

}  // namespace roberta::statistics
