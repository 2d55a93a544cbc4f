#include "profiles/statistics/order_statistics.h"

#include <algorithm>
#include <cmath>
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

}  // namespace roberta::statistics
