#include "profiles/statistics/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace roberta::statistics {
namespace {

constexpr double kCoverage = 0.95;

/// Between which measurements the interval is, counted from either end, from 1.
struct Ends {
  size_t rank = 1;
  double coverage = 0;
};

Ends EndsOf(size_t measurements) {
  const auto n = static_cast<double>(measurements);
  Ends ends;
  double term = std::pow(0.5, n);  // P(B = 0)
  double below = term;             // P(B < 1)
  ends.coverage = 1 - 2 * below;
  for (size_t rank = 2; 2 * rank <= measurements; ++rank) {
    term *= (n - static_cast<double>(rank) + 2) / (static_cast<double>(rank) - 1);
    below += term;
    if (1 - 2 * below < kCoverage) break;
    ends = {rank, 1 - 2 * below};
  }
  return ends;
}

/// Between the `rank`-th smallest and the `rank`-th largest.
Spread Between(size_t rank, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {.low = values[rank - 1], .median = (values[(n - 1) / 2] + values[n / 2]) / 2, .high = values[n - rank]};
}

constexpr double kNormalQuantile = 1.959963984540054;  // 97.5 % of the standard normal distribution
constexpr int kHalvings = 60;                          // more than a double can tell apart between -1 and 1

/// Tango's score statistic for the hypothesis that the true difference is `delta`. Falls as `delta` grows.
double ScoreOf(const PairedAnswers& answers, double delta) {
  const auto n = static_cast<double>(answers.texts);
  const auto gained = static_cast<double>(answers.only_second_correct);
  const auto lost = static_cast<double>(answers.only_first_correct);
  // The most likely probability that only the first is correct, given `delta`: the larger root of a quadratic equation.
  const double a = 2 * n;
  const double b = -gained - lost + (2 * n - gained + lost) * delta;
  const double c = -lost * delta * (1 - delta);
  const double only_first = (std::sqrt(std::max(0.0, b * b - 4 * a * c)) - b) / (2 * a);
  const double variance = n * (2 * only_first + delta * (1 - delta));
  const double distance = gained - lost - n * delta;
  if (variance > 0) return distance / std::sqrt(variance);
  return distance == 0 ? 0 : std::copysign(HUGE_VAL, distance);
}

/// The difference between `low` and `high` at which the score falls to `score`.
double DifferenceAt(const PairedAnswers& answers, double score, double low, double high) {
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (ScoreOf(answers, middle) > score ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::string Points(double share) {
  std::array<char, 32> text = {};
  // 0 has no sign, however it is rounded.
  const double points = std::round(share * 1000) / 10;
  std::snprintf(text.data(), text.size(), points == 0 ? "%.1f" : "%+.1f", points == 0 ? 0.0 : points);
  return text.data();
}

}  // namespace

std::optional<Spread> SpreadOf(std::vector<double> values) {
  return values.empty() ? std::nullopt : std::optional(Between(1, std::move(values)));
}

Spread MedianOf(std::vector<double> values) {
  const size_t rank = EndsOf(values.size()).rank;
  return Between(rank, std::move(values));
}

double CoverageOfInterval(size_t measurements) {
  return EndsOf(measurements).coverage;
}

double Quantile(std::vector<double> values, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::clamp<size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Interval ShareInterval(double share, int64_t of) {
  constexpr double z = kNormalQuantile;
  const auto n = static_cast<double>(of);
  const double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

AccuracyDifference CompareAccuracies(const PairedAnswers& answers) {
  AccuracyDifference result;
  result.difference = static_cast<double>(answers.only_second_correct - answers.only_first_correct) /
                      static_cast<double>(answers.texts);
  result.interval = {DifferenceAt(answers, kNormalQuantile, -1, result.difference),
                     DifferenceAt(answers, -kNormalQuantile, result.difference, 1)};
  return result;
}

std::string DifferenceText(const AccuracyDifference& difference) {
  const std::string low = Points(difference.interval.low), high = Points(difference.interval.high);
  if (!difference.IsShown()) return "no difference shown: between " + low + " and " + high + " points";
  const std::string size = Points(std::abs(difference.difference)).substr(1);
  return size + " points " + (difference.difference < 0 ? "lower" : "higher") + ", between " + low + " and " + high;
}

std::string IntervalText(const AccuracyDifference& difference) {
  return Points(difference.interval.low) + " to " + Points(difference.interval.high);
}

}  // namespace roberta::statistics
