#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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

struct Interval {
  double low = 0;
  double high = 0;
};

/// The 95 % confidence interval of a proportion of which `share` (0 to 1) was observed in `of` (> 0) trials: the score
/// interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
Interval ShareInterval(double share, int64_t of);

/// The answers of two classifiers to the same labelled texts. Only texts that exactly one of them classifies correctly
/// say anything about which is more accurate.
struct PairedAnswers {
  int64_t texts = 0;
  int64_t only_first_correct = 0;
  int64_t only_second_correct = 0;
};

/// The accuracy of the second classifier minus that of the first; all three are shares, from -1 to 1.
struct AccuracyDifference {
  double difference = 0;
  Interval interval;  ///< holds the true difference with 95 % confidence

  /// Whether the texts show a difference at all: the interval does not contain 0.
  bool IsShown() const { return interval.low > 0 || interval.high < 0; }
};

/// The difference and its score interval: all differences that McNemar's test for paired proportions, generalized to
/// differences other than 0, does not reject at the level of 5 %. T. Tango, "Equivalence test and confidence interval
/// for the difference in proportions for the paired-sample design", Statistics in Medicine 17, 1998. It is wider than 0
/// even if both classifiers answer every text alike. `texts` must be > 0, and at least the sum of the other two counts.
AccuracyDifference CompareAccuracies(const PairedAnswers& answers);

/// For people, in percentage points: "no difference shown: between -2.0 and +2.0 points", "1.2 points lower, between
/// -2.0 and -0.4" or "1.2 points higher, between +0.4 and +2.0".
std::string DifferenceText(const AccuracyDifference& difference);

/// "-2.0 to +2.0": the interval in percentage points, for tables.
std::string IntervalText(const AccuracyDifference& difference);

}  // namespace roberta::statistics
