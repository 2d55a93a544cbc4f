#include "loadtest/series/objective.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace roberta::series {

namespace {

constexpr double kNsPerMs = 1e6;
constexpr double kShortestMs = 0.001, kLongestMs = 3'600'000;
constexpr std::array kQuantiles = {std::pair("p50", 0.5), std::pair("p90", 0.9), std::pair("p95", 0.95),
                                   std::pair("p99", 0.99), std::pair("p99.9", 0.999)};
// "us" and "ms" before "s", which both end in.
constexpr std::array kUnits = {std::pair("us", 0.001), std::pair("ms", 1.0), std::pair("s", 1000.0)};

absl::Status NoObjective(const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is no objective like p99=50ms: p50, p90, p95, p99 or p99.9, and a time in us, ms or s"));
}

/// 0: none.
double MillisecondsOf(const std::string& text) {
  for (const auto& [unit, ms] : kUnits) {
    absl::string_view number = text;
    double value = 0;
    if (!absl::ConsumeSuffix(&number, unit)) continue;
    const bool fits = absl::SimpleAtod(number, &value) && value * ms >= kShortestMs && value * ms <= kLongestMs;
    return fits ? value * ms : 0;
  }
  return 0;
}

}  // namespace

absl::StatusOr<Objective> ParseObjective(std::string_view view) {
  const std::string text(view);
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return NoObjective(text);
  Objective objective = {.quantile = 0, .latency_ms = MillisecondsOf(text.substr(equals + 1))};
  for (const auto& [name, quantile] : kQuantiles) {
    if (text.substr(0, equals) == name) objective.quantile = quantile;
  }
  if (objective.quantile == 0 || objective.latency_ms == 0) return NoObjective(text);
  return objective;
}

std::string ObjectiveText(const Objective& objective) {
  return absl::StrFormat("p%g of %g ms", 100 * objective.quantile, objective.latency_ms);
}

Probe Judge(const runner::RunResult& result, const Objective& objective, double least_good_ratio) {
  const stats::Tally total = result.Total();
  Probe probe;
  const int64_t due = std::max(total.sent, result.intended);
  if (due == 0 || total.Count(stats::Outcome::kAnswered) == 0) return probe;
  probe.latency_ms = static_cast<double>(total.answered_from_intended.ValueAt(objective.quantile)) / kNsPerMs;
  probe.good_ratio = static_cast<double>(total.good) / static_cast<double>(due);
  probe.kept = probe.good_ratio >= least_good_ratio && probe.latency_ms <= objective.latency_ms;
  return probe;
}

}  // namespace roberta::series
