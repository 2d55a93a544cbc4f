#include "loadtest/report/sections.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace roberta::loadtest::report {

namespace {

constexpr size_t kMostGaps = 4;  // that are listed

stats::Tally SumOf(const RunPointers& runs) {
  stats::Tally sum;
  for (const RunRecord* run : runs) sum.Merge(run->result.Total());
  return sum;
}

std::string InSum(const stats::Tally& all) {
  const int64_t answered = all.Count(stats::Outcome::kAnswered);
  if (all.sent == answered) return absl::StrCat("All ", Count(all.sent), " requests were answered.");
  return absl::StrCat("Of ", Count(all.sent), " requests ", Count(answered),
                      " were answered. The others, by gRPC code:");
}

/// A box if what the server's answers said of themselves does not agree with its counters.
Blocks CrossCheck(const std::vector<ProfileRuns>& sorted) {
  std::vector<std::string> gaps;
  size_t runs_with_gaps = 0;
  for (const ProfileRuns& runs : sorted) {
    for (const RunRecord* run : RunsOf({runs})) {
      const std::vector<std::string> own = record::ServerGaps(run->result, run->counters);
      if (!own.empty()) ++runs_with_gaps;
      for (const std::string& gap : own) {
        gaps.push_back(absl::StrCat(runs.label, " at ", LoadText(LoadOf(*run)), ": ", gap));
      }
    }
  }
  if (gaps.empty()) return {};
  const size_t more = gaps.size() > kMostGaps ? gaps.size() - kMostGaps : 0;
  gaps.resize(gaps.size() - more);
  return {Paragraph{
      absl::StrCat("The server's counters and its answers do not agree in ", Some(runs_with_gaps, "a run", "runs"),
                   ": ", absl::StrJoin(gaps, "; "), more > 0 ? absl::StrCat("; and ", more, " more") : "", "."),
      TextStyle::kWarning}};
}

using document::SeriesStyle;
using record::RateSearch;

std::string NameOf(const RateSearch& search) {
  const std::string profile = search.profile.empty() ? "default" : search.profile;
  return search.variant.empty() ? profile : absl::StrCat(profile, ", ", search.variant);
}

std::string ObjectiveText(const RateSearch& search) {
  return absl::StrFormat("p%g within %g ms, %g %% answered in time", 100 * search.quantile, search.objective_ms,
                         100 * search.least_good_ratio);
}

SeriesStyle LookOf(const RateSearch& search, size_t index, const std::vector<ProfileRuns>& sorted) {
  for (const ProfileRuns& runs : sorted) {
    if (runs.profile == search.profile && runs.variant == search.variant) return runs.style;
  }
  return StyleOf(search.variant.empty() ? search.profile : "", index);
}

bool OneObjective(const std::vector<RateSearch>& searches) {
  return std::ranges::all_of(
      searches, [&](const RateSearch& one) { return ObjectiveText(one) == ObjectiveText(searches.front()); });
}

Block FoundTable(const std::vector<RateSearch>& searches, const std::vector<ProfileRuns>& sorted) {
  const bool one_objective = OneObjective(searches);
  Table table = {one_objective ? absl::StrCat("Highest rate with ", ObjectiveText(searches.front())) : "Highest rate",
                 Columns({"profile", one_objective ? "" : "objective"},
                         {"repeats", "lowest, requests/s", "median, requests/s", "highest, requests/s"}, {""}),
                 {}};
  for (size_t i = 0; i < searches.size(); ++i) {
    const RateSearch& search = searches[i];
    const std::optional<Spread> found = SpreadOf(search.found);
    const auto number = [&](double Spread::*part) { return found ? Decimals((*found).*part, 1) : kNotMeasured; };
    std::string remark = search.missing.empty() ? "" : absl::StrCat("broke off: ", search.missing);
    if (found && found->high <= 0) remark = "not even the lowest rate tried kept it";
    table.rows.push_back({{NameOf(search), false, LookOf(search, i, sorted).color},
                          {one_objective ? "" : ObjectiveText(search)},
                          {std::to_string(search.found.size())},
                          {number(&Spread::low)},
                          {number(&Spread::median), true},
                          {number(&Spread::high)},
                          {remark}});
  }
  return WithoutEmptyColumns(table);
}

Block FoundChart(const std::vector<RateSearch>& searches, const std::vector<ProfileRuns>& sorted) {
  std::vector<Bar> bars;
  const RateSearch* best = nullptr;
  double most = 0;
  for (size_t i = 0; i < searches.size(); ++i) {
    const std::optional<Spread> found = SpreadOf(searches[i].found);
    bars.push_back({NameOf(searches[i]), LookOf(searches[i], i, sorted).color, found});
    if (found && found->median > most) most = found->median, best = &searches[i];
  }
  const std::string objective = OneObjective(searches) ? ObjectiveText(searches.front()) : "each its own objective";
  std::string reading =
      absl::StrCat("With ", objective, "; the lines reach from the lowest to the highest of the repeats.");
  if (best != nullptr) absl::StrAppend(&reading, " ", NameOf(*best), " carries the most.");
  return Chart{"What each carries", reading, BarsOf(bars, "requests/s"), true};
}

/// What was tried: rates and what latency they had.
Block StepsChart(const std::vector<RateSearch>& searches, const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.x = {.label = "rate asked for, requests/s", .from_zero = true};
  chart.y = {.label = absl::StrFormat("p%g, ms", 100 * searches.front().quantile), .logarithmic = true};
  for (size_t i = 0; i < searches.size(); ++i) {
    document::Series series = {NameOf(searches[i]), LookOf(searches[i], i, sorted), {}};
    for (const RateSearch::Step& step : searches[i].steps) {
      if (step.latency_ms > 0) series.points.push_back({step.rate, step.latency_ms, std::nullopt});
    }
    std::ranges::sort(series.points, {}, &Point::x);
    chart.series.push_back(std::move(series));
  }
  if (OneObjective(searches)) {
    const double objective_ms = searches.front().objective_ms;
    chart.levels.push_back({objective_ms, absl::StrFormat("objective: %g ms", objective_ms)});
  }
  return Chart{"What was tried", "Each rate that the searches tried, and its latency; below the line it is kept.",
               chart, true};
}

}  // namespace

Blocks OutcomeSection(const std::vector<ProfileRuns>& sorted) {
  const stats::Tally all = SumOf(RunsOf(sorted));
  Table table = {"Outcomes of the requests", Columns({"profile", "load"}, {"sent"}), {}};
  for (const auto& [code, count] : all.codes) table.columns.push_back({absl::StatusCodeToString(code)});
  for (const ProfileRuns& runs : sorted) {
    for (const Repeats& repeats : runs.loads) {
      const stats::Tally sum = SumOf(repeats.runs);
      std::vector<Cell> row = {{runs.label, false, runs.style.color}, {LoadText(repeats.load)}, {Count(sum.sent)}};
      for (const auto& [code, count] : all.codes) {
        const auto found = sum.codes.find(code);
        row.push_back({Count(found == sum.codes.end() ? 0 : found->second)});
      }
      table.rows.push_back(std::move(row));
    }
  }
  Blocks blocks = {Heading{"Answers and refusals"}, Paragraph{InSum(all)}};
  Append(CrossCheck(sorted), &blocks);
  blocks.push_back(table);
  return blocks;
}

Blocks SearchSection(const std::vector<RateSearch>& searches, const std::vector<ProfileRuns>& sorted) {
  if (searches.empty()) return {};
  return {Heading{"Highest rate within the objective"}, FoundTable(searches, sorted), FoundChart(searches, sorted),
          StepsChart(searches, sorted)};
}

}  // namespace roberta::loadtest::report
