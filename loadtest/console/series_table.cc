#include "loadtest/console/output.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/record/figures.h"
#include "loadtest/report/verdict.h"
#include "loadtest/series/series.h"
#include "profiles/statistics/statistics.h"
#include "profiles/terminal/terminal.h"

namespace roberta::loadtest::console {

namespace {

using record::kBaseline;
using record::RunRecord;

constexpr char kNotMeasured[] = "-";

std::string NameOf(const record::RateSearch& search) {
  return search.profile.empty() ? "default" : search.profile;
}

std::string Remarks(const RunRecord& run) {
  std::vector<std::string> remarks;
  if (run.result.end != runner::End::kComplete) remarks.emplace_back(EndName(run.result.end));
  if (run.result.warm_up_end == runner::WarmUpEnd::kNotSteady) remarks.emplace_back("warm-up not steady");
  if (!run.result.Faults().empty()) remarks.emplace_back("INVALID");
  return absl::StrJoin(remarks, ", ");
}

std::vector<std::string> Line(const RunRecord& run) {
  std::vector<std::string> line = {ProfileOf(run), LoadText(LoadOf(run)), absl::StrCat(run.settings.turn + 1)};
  for (const record::Figure& figure : record::Figures()) {
    if (figure.terminal.empty()) continue;
    const std::string text = figure.TextOf(run, record::Place::kTerminal);
    line.push_back(text.empty() ? kNotMeasured : text);
  }
  line.push_back(Remarks(run));
  return line;
}

std::string RatioText(const std::optional<statistics::Spread>& ratio) {
  if (!ratio) return kNotMeasured;
  const std::string text = absl::StrFormat("%.2fx", ratio->median);
  return ratio->low < ratio->high ? absl::StrFormat("%s (%.2f to %.2f)", text, ratio->low, ratio->high) : text;
}

/// "-0.4 (-1.5 to +0.6)".
std::string PointsText(const std::optional<statistics::AccuracyDifference>& accuracy) {
  if (!accuracy) return kNotMeasured;
  return absl::StrFormat("%+.1f (%s)", 100 * accuracy->difference, statistics::IntervalText(*accuracy));
}

/// Every profile beside baseline at each load that both have runs of, then what their accuracies show.
std::string ComparisonText(const std::vector<RunRecord>& runs) {
  const std::vector<report::ProfileRuns> sorted = report::Sort(report::PointersTo(runs));
  const report::ProfileRuns* const baseline = report::FindBaseline(sorted);
  std::vector<std::vector<std::string>> rows = {
      {"against baseline", "load", "texts/s", "p50", "p99", "accuracy, points"}};
  std::string accuracies;
  for (const report::ProfileRuns& profile : sorted) {
    if (baseline == nullptr || &profile == baseline) continue;
    const auto accuracy = report::AnswersOf(profile).difference;
    if (accuracy) {
      absl::StrAppend(&accuracies, accuracies.empty() ? "\n" : "", profile.label,
                      ": accuracy compared with baseline: ", statistics::DifferenceText(*accuracy), "\n");
    }
    for (const report::Repeats& repeats : profile.loads) {
      const report::Repeats* const before = baseline->At(repeats.load);
      if (before == nullptr) continue;
      const auto ratio = [&](const report::RunFigure& figure) {
        const auto found = report::RatioOf(*before, repeats, figure);
        return found ? RatioText(found->ratio) : kNotMeasured;
      };
      rows.push_back({profile.label, LoadText(repeats.load), ratio(record::TextsPerSecond),
                      ratio([](const RunRecord& run) { return LatencyMs(run, 0.5); }),
                      ratio([](const RunRecord& run) { return LatencyMs(run, 0.99); }), PointsText(accuracy)});
    }
  }
  return absl::StrCat(rows.size() == 1 ? "" : absl::StrCat("\n", terminal::TableText(rows)), accuracies);
}

/// Each thing that is missing once, however many runs lack it.
std::string MissingText(const std::vector<RunRecord>& runs) {
  std::set<std::string> seen;
  std::string text;
  for (const RunRecord& run : runs) {
    if (run.quality.missing.empty() || !seen.insert(run.quality.missing).second) continue;
    absl::StrAppend(&text, "not measured: ", run.quality.missing, "\n");
  }
  return text.empty() ? "" : "\n" + text;
}

/// Of the repeats that both searches have made.
std::optional<statistics::Spread> RatioOf(const record::RateSearch& search, const record::RateSearch& baseline) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(search.found.size(), baseline.found.size()); ++i) {
    if (baseline.found[i] > 0) ratios.push_back(search.found[i] / baseline.found[i]);
  }
  return statistics::SpreadOf(ratios);
}

std::vector<std::string> Line(const record::RateSearch& search, const record::RateSearch* baseline) {
  std::vector<std::string> row = {NameOf(search)};
  const auto spread = statistics::SpreadOf(search.found);
  for (const double rate : spread ? std::vector{spread->low, spread->median, spread->high} : std::vector<double>()) {
    row.push_back(rate > 0 ? absl::StrFormat("%.4g", rate) : "none");
  }
  row.resize(4, kNotMeasured);
  row.push_back(absl::StrCat(search.found.size()));
  row.push_back(absl::StrCat(search.steps.size()));
  row.push_back(baseline == nullptr || baseline == &search ? kNotMeasured : RatioText(RatioOf(search, *baseline)));
  return row;
}

}  // namespace

std::string SeriesText(const std::vector<RunRecord>& runs) {
  std::vector<std::vector<std::string>> rows = {{"profile", "load", "turn"}};
  for (const record::Figure& figure : record::Figures()) {
    if (!figure.terminal.empty()) rows.front().emplace_back(figure.terminal);
  }
  rows.front().emplace_back("");
  for (const RunRecord& run : runs) rows.push_back(Line(run));
  return absl::StrCat(terminal::TableText(rows), ComparisonText(runs), MissingText(runs));
}

std::string SearchesText(const std::vector<record::RateSearch>& searches) {
  if (searches.empty()) return "";
  const series::Objective objective = {searches.front().quantile, searches.front().objective_ms};
  std::vector<std::vector<std::string>> rows = {
      {"profile", "lowest", "median", "highest", "repeats", "steps", "against baseline"}};
  const auto baseline = std::ranges::find(searches, kBaseline, &record::RateSearch::profile);
  std::set<std::string> missing;
  for (const record::RateSearch& search : searches) {
    rows.push_back(Line(search, baseline == searches.end() ? nullptr : &*baseline));
    if (!search.missing.empty()) missing.insert(absl::StrCat(NameOf(search), ": ", search.missing, "\n"));
  }
  return absl::StrCat("Highest rates, in requests/s, that keep a ", series::ObjectiveText(objective), ", with ",
                      absl::StrFormat("%.6g", 100 * searches.front().least_good_ratio),
                      " % of what is due answered within it:\n\n", terminal::TableText(rows),
                      missing.empty() ? "" : "\n", absl::StrJoin(missing, ""));
}

}  // namespace roberta::loadtest::console
