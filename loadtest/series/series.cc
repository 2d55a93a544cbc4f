#include "loadtest/series/series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::series {

namespace {

constexpr size_t kMostLevels = 1000;
// Steps of a tenth do not add up exactly; a level this near to the end is the end.
constexpr double kSameLevel = 1e-9;

absl::StatusOr<double> ParseLevel(const std::string& text, const LevelLimits& limits) {
  double level = 0;
  const bool fits = absl::SimpleAtod(text, &level) && level >= limits.least && level <= limits.most;
  if (!fits || (limits.whole && level != std::floor(level))) {
    return errors::InvalidArgument("\"", text, "\" is not a ", limits.whole ? "whole " : "", "number from ",
                                   limits.least, " to ", limits.most);
  }
  return level;
}

/// From `first` to `last`, which is one of them, by `next`.
template <typename Next>
absl::StatusOr<std::vector<double>> Climb(double first, double last, const Next& next) {
  std::vector<double> levels;
  for (double level = first; level < last * (1 - kSameLevel); level = next(levels.size())) {
    if (levels.size() == kMostLevels) {
      return errors::InvalidArgument("more than ", kMostLevels, " levels");
    }
    levels.push_back(level);
  }
  levels.push_back(last);
  return levels;
}

absl::StatusOr<std::vector<double>> ParseRange(const std::vector<std::string>& parts, const LevelLimits& limits) {
  if (parts.size() > 3) return absl::InvalidArgumentError("not FIRST:LAST:STEP");
  ASSIGN_OR_RETURN(const double first, ParseLevel(parts[0], limits));
  ASSIGN_OR_RETURN(const double last, ParseLevel(parts[1], limits));
  if (first > last) return errors::InvalidArgument("the first level, ", first, ", is above the last, ", last);
  if (parts.size() == 2) return Climb(first, last, [&](size_t count) { return first * std::exp2(count); });
  // A step may be smaller than the least level, but not 0.
  const auto step = ParseLevel(parts[2], {limits.whole ? 1 : limits.least * kSameLevel, limits.most, limits.whole});
  if (!step.ok()) return errors::InvalidArgument("the step ", step.status().message());
  return Climb(first, last, [&](size_t count) { return first + static_cast<double>(count) * *step; });
}

constexpr double kShortestMs = 0.001, kLongestMs = 3'600'000;
constexpr std::array kQuantiles = {std::pair("p50", 0.5), std::pair("p90", 0.9), std::pair("p95", 0.95),
                                   std::pair("p99", 0.99), std::pair("p99.9", 0.999)};
// "us" and "ms" before "s", which both end in.
constexpr std::array kUnits = {std::pair("us", 0.001), std::pair("ms", 1.0), std::pair("s", 1000.0)};

absl::Status NoObjective(const std::string& text) {
  return errors::InvalidArgument(
      "\"", text, "\" is not an objective like p99=50ms: p50, p90, p95, p99 or p99.9, and a time in us, ms or s");
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
  ASSIGN_OR_RETURN(const Probe result, probe(rate));
  (result.kept ? bracket->kept : bracket->too_high) = rate;
  return absl::OkStatus();
}

/// Until one rate is kept and another is not, or an end of the range is reached.
absl::Status Enclose(const SearchRange& range, const ProbeAt& probe, Bracket* bracket) {
  double rate = std::clamp(range.start, range.lowest, range.highest);
  while (true) {
    RETURN_IF_ERROR(Try(rate, probe, bracket));
    if (bracket->kept > 0 && bracket->too_high > 0) return absl::OkStatus();
    if (bracket->kept == range.highest || bracket->too_high == range.lowest) return absl::OkStatus();
    rate =
        std::clamp(Rounded(bracket->kept > 0 ? rate * range.growth : rate / range.growth), range.lowest, range.highest);
  }
}

}  // namespace

absl::StatusOr<std::vector<double>> ParseLevels(std::string_view text, const LevelLimits& limits) {
  const std::string whole(text);
  const std::vector<std::string> parts = absl::StrSplit(whole, ':');
  if (parts.size() > 1) return ParseRange(parts, limits);
  std::vector<double> levels;
  for (const absl::string_view level : absl::StrSplit(whole, ',')) {
    ASSIGN_OR_RETURN(levels.emplace_back(), ParseLevel(std::string(level), limits));
  }
  std::ranges::sort(levels);
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (levels.size() > kMostLevels) return errors::InvalidArgument("more than ", kMostLevels, " levels");
  return levels;
}

using std::chrono::nanoseconds;

std::vector<Step> Schedule(const std::vector<std::string>& profiles, const std::vector<double>& levels, int64_t turns) {
  std::vector<Step> steps;
  for (int64_t turn = 0; turn < turns; ++turn) {
    for (const double level : levels) {
      for (const std::string& profile : profiles) steps.push_back({profile, level, turn});
    }
  }
  return steps;
}

std::string StepText(const Step& step, const std::string& load, int64_t turns) {
  const std::string text = absl::StrCat(step.profile.empty() ? "the default profile" : step.profile, ", ", load);
  return turns > 1 ? absl::StrCat(text, ", turn ", step.turn + 1, " of ", turns) : text;
}

Share ExpectedTime::During(nanoseconds elapsed, nanoseconds longest) const {
  const nanoseconds expected = runs_made_ > 0 ? spent_ / static_cast<int64_t>(runs_made_) : longest;
  const nanoseconds this_one = std::max(elapsed, std::min(longest, std::max(expected, nanoseconds(1))));
  const auto later = static_cast<int64_t>(runs_left_ > 0 ? runs_left_ - 1 : 0);
  return {static_cast<uint64_t>((spent_ + elapsed).count()),
          static_cast<uint64_t>((spent_ + this_one + expected * later).count())};
}

void ExpectedTime::RunEnded(nanoseconds taken) {
  spent_ += taken;
  ++runs_made_;
  if (runs_left_ > 0) --runs_left_;
}

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
  probe.latency_ms = static_cast<double>(total.answered_from_intended.ValueAt(objective.quantile)) / stats::kNsPerMs;
  probe.good_ratio = static_cast<double>(total.good) / static_cast<double>(due);
  probe.kept = probe.good_ratio >= least_good_ratio && probe.latency_ms <= objective.latency_ms;
  return probe;
}

absl::StatusOr<double> FindHighestRate(const SearchRange& range, const ProbeAt& probe) {
  Bracket bracket;
  RETURN_IF_ERROR(Enclose(range, probe, &bracket));
  while (bracket.kept > 0 && bracket.too_high > bracket.kept * range.resolution) {
    const double middle = Rounded(std::sqrt(bracket.kept * bracket.too_high));
    if (middle <= bracket.kept || middle >= bracket.too_high) break;  // no three-digit number is between them
    RETURN_IF_ERROR(Try(middle, probe, &bracket));
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
