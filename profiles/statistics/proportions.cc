#include "profiles/statistics/proportions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace roberta::statistics {
namespace {

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
