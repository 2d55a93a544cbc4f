#include "loadtest/series/rate_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace roberta::loadtest::series {

namespace {

constexpr double kNsPerMs = 1e6;
constexpr double kShortestMs = 0.001, kLongestMs = 3'600'000;
constexpr std::array kQuantiles = {std::pair("p50", 0.5), std::pair("p90", 0.9), std::pair("p95", 0.95),
                                   std::pair("p99", 0.99), std::pair("p99.9", 0.999)};
// "us" and "ms" before "s", which both end in.
constexpr std::array kUnits = {std::pair("us", 0.001), std::pair("ms", 1.0), std::pair("s", 1000.0)};

absl::Status NoObjective(const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is not an objective like p99=50ms: p50, p90, p95, p99 or p99.9, and a time in us, ms or s"));
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

namespace {

// A repeat knows about where to look.
constexpr double kGrowthOfRepeats = 1.2;

/// To three digits.
double Rounded(double rate) {
  const double unit = std::pow(10, std::floor(std::log10(rate)) - 2);
  return std::round(rate / unit) * unit;
}

/// What is known of the rate that is sought. 0: nothing.
struct Bracket {
  double kept = 0, too_high = 0;
};

absl::Status Try(double rate, const ProbeAt& probe, Bracket* bracket) {
  const absl::StatusOr<Probe> result = probe(rate);
  if (!result.ok()) return result.status();
  (result->kept ? bracket->kept : bracket->too_high) = rate;
  return absl::OkStatus();
}

/// Until one rate is kept and another is not, or an end of the range is reached.
absl::Status Enclose(const SearchRange& range, const ProbeAt& probe, Bracket* bracket) {
  double rate = std::clamp(range.start, range.lowest, range.highest);
  while (true) {
    if (absl::Status status = Try(rate, probe, bracket); !status.ok()) return status;
    if (bracket->kept > 0 && bracket->too_high > 0) return absl::OkStatus();
    if (bracket->kept == range.highest || bracket->too_high == range.lowest) return absl::OkStatus();
    rate =
        std::clamp(Rounded(bracket->kept > 0 ? rate * range.growth : rate / range.growth), range.lowest, range.highest);
  }
}

}  // namespace

absl::StatusOr<double> FindHighestRate(const SearchRange& range, const ProbeAt& probe) {
  Bracket bracket;
  if (absl::Status status = Enclose(range, probe, &bracket); !status.ok()) return status;
  while (bracket.kept > 0 && bracket.too_high > bracket.kept * range.resolution) {
    const double middle = Rounded(std::sqrt(bracket.kept * bracket.too_high));
    if (middle <= bracket.kept || middle >= bracket.too_high) break;  // no three-digit number is between them
    if (absl::Status status = Try(middle, probe, &bracket); !status.ok()) return status;
  }
  return bracket.kept;
}

std::vector<record::RateSearch> SearchRates(const SearchPlan& plan, const std::vector<std::string>& profiles,
                                            const ProbeProfileAt& probe) {
  std::vector<record::RateSearch> searches;
  for (const std::string& profile : profiles) {
    record::RateSearch& search = searches.emplace_back();
    search.profile = profile;
    search.quantile = plan.objective.quantile;
    search.objective_ms = plan.objective.latency_ms;
    search.least_good_ratio = plan.least_good_ratio;
  }
  absl::Status status;
  for (int64_t repeat = 0; repeat < plan.repeats && status.ok(); ++repeat) {
    for (size_t i = 0; i < searches.size() && status.ok(); ++i) {
      record::RateSearch& search = searches[i];
      SearchRange range = plan.range;
      if (repeat > 0 && search.found.front() > 0) {
        range.start = search.found.front();
        range.growth = kGrowthOfRepeats;
      }
      const absl::StatusOr<double> found = FindHighestRate(range, [&](double rate) -> absl::StatusOr<Probe> {
        absl::StatusOr<Probe> tried = probe(search.profile, repeat, rate);
        if (tried.ok()) search.steps.push_back({repeat, rate, tried->latency_ms, tried->good_ratio, tried->kept});
        return tried;
      });
      if (found.ok()) search.found.push_back(*found);
      status = found.status();
    }
  }
  for (record::RateSearch& search : searches) {
    const auto made = static_cast<int64_t>(search.found.size());
    if (made < plan.repeats) {
      search.missing = absl::StrCat(made, " of ", plan.repeats, " repeats were made: ", status.message());
    }
  }
  return searches;
}

}  // namespace roberta::loadtest::series
