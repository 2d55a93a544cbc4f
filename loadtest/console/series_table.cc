#include "loadtest/console/series_table.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/record/profile_names.h"
#include "loadtest/series/objective.h"
#include "loadtest/series/ratios.h"
#include "loadtest/stats/order_statistics.h"
#include "profiles/terminal/displayed_text.h"

namespace roberta::console {

namespace {

using record::kBaseline;

using record::RunRecord;

constexpr double kNsPerMs = 1e6;
constexpr char kNotMeasured[] = "-";

std::string ProfileText(const std::string& profile, const std::string& default_profile) {
  if (!profile.empty()) return profile;
  return default_profile.empty() ? "the default" : default_profile;
}

std::string LoadText(bool open, double level) {
  if (!open) return absl::StrFormat("%.6g user%s", level, level == 1 ? "" : "s");
  return level > 0 ? absl::StrFormat("%.6g/s", level) : "recorded";
}

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0) return kNotMeasured;
  return absl::StrFormat("%.2f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string Ms(const stats::Histogram& latency, double quantile) {
  if (latency.count() == 0) return kNotMeasured;
  return absl::StrFormat("%.3f", static_cast<double>(latency.ValueAt(quantile)) / kNsPerMs);
}

std::string Remarks(const RunRecord& run) {
  std::vector<std::string> remarks;
  if (run.result.end != runner::End::kComplete) remarks.emplace_back(EndName(run.result.end));
  if (run.result.warm_up_end == runner::WarmUpEnd::kNotSteady) remarks.emplace_back("warm-up not steady");
  if (!run.result.Faults().empty()) remarks.emplace_back("INVALID");
  return absl::StrJoin(remarks, ", ");
}

std::vector<std::string> Line(const RunRecord& run) {
  const stats::Tally total = run.result.Total();
  const record::Quality& quality = run.quality;
  const bool open = run.settings.loop == "open";
  return {ProfileText(run.settings.profile, run.server.default_profile),
          LoadText(open, open ? run.settings.rate : static_cast<double>(run.settings.concurrency)),
          absl::StrCat(run.settings.turn + 1),
          absl::StrFormat("%.1f", run.result.RatePerSecond(run.result.items_within)),
          Ms(total.answered_from_intended, 0.5),
          Ms(total.answered_from_intended, 0.99),
          Percent(total.Count(stats::Outcome::kAnswered), total.sent),
          run.settings.objective_ms > 0 ? Percent(total.good, total.sent) : kNotMeasured,
          Percent(quality.correct, quality.labelled),
          Percent(quality.baseline_agreed, quality.baseline_compared),
          Percent(quality.alone_flips, quality.alone_compared),
          Remarks(run)};
}

std::string RatioText(const std::optional<stats::Spread>& ratio) {
  if (!ratio) return kNotMeasured;
  const std::string text = absl::StrFormat("%.2fx", ratio->median);
  return ratio->low < ratio->high ? absl::StrFormat("%s (%.2f to %.2f)", text, ratio->low, ratio->high) : text;
}

/// "-0.4 (-1.5 to +0.6)".
std::string PointsText(const std::optional<statistics::AccuracyDifference>& accuracy) {
  if (!accuracy) return kNotMeasured;
  return absl::StrFormat("%+.1f (%s)", 100 * accuracy->difference, statistics::IntervalText(*accuracy));
}

/// What the accuracies of the profiles allow to say, a line each.
std::string AccuracyText(const std::vector<RunRecord>& runs) {
  std::set<std::string> seen;
  std::string text;
  for (const series::Ratios& ratios : series::RatiosToBaseline(runs)) {
    if (!ratios.accuracy || !seen.insert(ratios.profile).second) continue;
    absl::StrAppend(&text, ratios.profile,
                    ": accuracy compared with baseline: ", statistics::DifferenceText(*ratios.accuracy), "\n");
  }
  return text.empty() ? "" : "\n" + text;
}

std::string RatiosText(const std::vector<RunRecord>& runs) {
  std::vector<std::vector<std::string>> rows = {
      {"against baseline", "load", "texts/s", "p50", "p99", "accuracy, points"}};
  for (const series::Ratios& ratios : series::RatiosToBaseline(runs)) {
    rows.push_back({ratios.profile, LoadText(ratios.open, ratios.level), RatioText(ratios.texts_per_second),
                    RatioText(ratios.p50), RatioText(ratios.p99), PointsText(ratios.accuracy)});
  }
  return rows.size() == 1 ? "" : absl::StrCat("\n", terminal::TableText(rows));
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
std::optional<stats::Spread> RatioOf(const record::RateSearch& search, const record::RateSearch& baseline) {
  std::vector<double> ratios;
  for (size_t i = 0; i < std::min(search.found.size(), baseline.found.size()); ++i) {
    if (baseline.found[i] > 0) ratios.push_back(search.found[i] / baseline.found[i]);
  }
  return stats::SpreadOf(ratios);
}

std::vector<std::string> Line(const record::RateSearch& search, const record::RateSearch* baseline) {
  std::vector<std::string> row = {ProfileText(search.profile, "")};
  const auto spread = stats::SpreadOf(search.found);
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
  std::vector<std::vector<std::string>> rows = {{"profile", "load", "turn", "texts/s", "p50 ms", "p99 ms", "answered",
                                                 "goodput", "accuracy", "agreement", "flips", ""}};
  for (const RunRecord& run : runs) rows.push_back(Line(run));
  return absl::StrCat(terminal::TableText(rows), RatiosText(runs), AccuracyText(runs), MissingText(runs));
}

std::string SearchesText(const std::vector<record::RateSearch>& searches) {
  if (searches.empty()) return "";
  const series::Objective objective = {searches.front().quantile, searches.front().objective_ms};
  std::vector<std::vector<std::string>> rows = {
      {"profile", "lowest", "median", "highest", "repeats", "steps", "against baseline"}};
  const auto baseline =
      std::find_if(searches.begin(), searches.end(), [](const auto& search) { return search.profile == kBaseline; });
  std::set<std::string> missing;
  for (const record::RateSearch& search : searches) {
    rows.push_back(Line(search, baseline == searches.end() ? nullptr : &*baseline));
    if (!search.missing.empty())
      missing.insert(absl::StrCat(ProfileText(search.profile, ""), ": ", search.missing, "\n"));
  }
  return absl::StrCat("Highest rates, in requests/s, that keep a ", series::ObjectiveText(objective), ", with ",
                      absl::StrFormat("%.6g", 100 * searches.front().least_good_ratio),
                      " % of what is due answered within it:\n\n", terminal::TableText(rows),
                      missing.empty() ? "" : "\n", absl::StrJoin(missing, ""));
}

}  // namespace roberta::console
