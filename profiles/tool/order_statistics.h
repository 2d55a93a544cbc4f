#pragma once

#include <cstddef>
#include <vector>

namespace roberta::tool {

/// The median of some measurements and an interval that holds the true median whatever their distribution: between two
/// of them that are equally far from either end, as near to each other as a coverage of 95 % allows. Of fewer than six
/// measurements it is all of their range, and covers less.
struct MedianInterval {
  double median = 0;
  double low = 0;
  double high = 0;
};

/// `values`: one at least, and 1000 at most.
MedianInterval MedianOf(std::vector<double> values);

/// How often the interval of that many measurements holds the true median: 1 - 2 P(B < k) for a binomial B of that many
/// fair coins, between the k-th smallest and the k-th largest of them.
double CoverageOfInterval(size_t measurements);

/// The smallest of `values` (one at least) that `share` of them, in (0, 1], do not exceed.
double Quantile(std::vector<double> values, double share);

}  // namespace roberta::tool
