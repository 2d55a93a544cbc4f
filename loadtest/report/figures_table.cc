#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/comparison.h"
#include "loadtest/report/figures.h"
#include "loadtest/report/numbers.h"
#include "loadtest/report/verdict.h"

namespace roberta::report {

namespace {

using document::Align;
using document::Cell;
using document::Table;
using record::RunRecord;

constexpr double kMib = 1 << 20;

/// A figure of a profile and how it is told.
struct Figure {
  std::string name;
  std::function<std::optional<double>(const ProfileRuns&)> value;
  int decimals = 1;
  enum { kTimes, kPoints, kNothing } change = kTimes;  ///< between before and after
  std::string unit;                                    ///< behind the number
};

std::optional<double> Median(const std::optional<Spread>& spread) {
  return spread ? std::optional(spread->median) : std::nullopt;
}

std::optional<double> InPercent(const std::optional<double>& share) {
  return share ? std::optional(100 * *share) : std::nullopt;
}

Figure LatencyFigure(const Load& load, double quantile) {
  return {absl::StrFormat("p%g at %s, ms", 100 * quantile, LoadText(load)),
          [=](const ProfileRuns& runs) {
            return Median(runs.At(load)->Of([=](const RunRecord& run) { return LatencyMs(run, quantile); }));
          },
          2};
}

std::vector<Figure> RateFigures(const Comparison& comparison) {
  std::vector<Figure> figures = {
      {"texts/s at full load", [](const ProfileRuns& runs) { return Median(FullRate(runs)); }, 1, Figure::kNothing}};
  if (comparison.searches.empty()) return figures;
  const record::RateSearch& search = *comparison.searches.front();
  figures.push_back({absl::StrFormat("requests/s with p%g within %g ms", 100 * search.quantile, search.objective_ms),
                     [&](const ProfileRuns& runs) { return Median(FoundRate(comparison, runs.profile)); }});
  return figures;
}

std::vector<Figure> LatencyFigures(const std::vector<ProfileRuns>& sorted) {
  std::vector<Figure> figures;
  const std::vector<const ProfileRuns*> all = Pointers(sorted);
  std::vector<Load> loads;
  if (const std::optional<Load> lightest = LightestLoad(all)) loads.push_back(*lightest);
  if (const std::optional<Load> shared = SharedLoad(all); shared && (loads.empty() || *shared != loads.front())) {
    loads.push_back(*shared);
  }
  for (const Load& load : loads) {
    for (const double quantile : {0.5, 0.99}) figures.push_back(LatencyFigure(load, quantile));
  }
  return figures;
}

/// "accuracy, these runs", where all that have it have it from there.
std::string NameWithSource(const std::string& name, const std::vector<Answers>& all, Source Answers::*source) {
  std::set<Source> sources;
  for (const Answers& answers : all) sources.insert(answers.*source);
  sources.erase(Source::kNone);
  std::vector<std::string> names;
  for (const Source one : sources) names.push_back(SourceName(one));
  return names.empty() ? name : absl::StrCat(name, ", ", absl::StrJoin(names, " or "));
}

std::vector<Figure> AnswerFigures(const std::vector<ProfileRuns>& sorted) {
  const std::vector<Answers> all = AnswersOfAll(sorted);
  std::map<const ProfileRuns*, Answers> of;
  for (size_t i = 0; i < sorted.size(); ++i) of[&sorted[i]] = all[i];
  return {{NameWithSource("accuracy", all, &Answers::accuracy_source),
           [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).accuracy); }, 2, Figure::kPoints, " %"},
          {NameWithSource("baseline's label", all, &Answers::agreement_source),
           [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).agreement); }, 2, Figure::kNothing, " %"},
          {"flips, batched against alone", [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).flips); }, 2,
           Figure::kPoints, " %"},
          {"calibration error", [of](const ProfileRuns& runs) { return InPercent(CalibrationError(of.at(&runs).sum)); },
           2, Figure::kPoints, " %"}};
}

std::vector<Figure> MemoryFigures() {
  return {{"weights, MiB",
           [](const ProfileRuns& runs) -> std::optional<double> {
             if (runs.description == nullptr || runs.description->weight_bytes <= 0) return std::nullopt;
             return static_cast<double>(runs.description->weight_bytes) / kMib;
           }},
          {"the server's process at most, MiB",
           [](const ProfileRuns& runs) { return Median(Busiest(runs).Of(ResidentMib)); }}};
}

std::string ChangeText(const Figure& figure, const std::optional<double>& before, const std::optional<double>& after) {
  if (!before || !after || figure.change == Figure::kNothing) return "";
  if (figure.change == Figure::kPoints) {
    const std::string points = Decimals(*after - *before, figure.decimals);
    return absl::StrCat(*after > *before && points.find_first_of("123456789") != std::string::npos ? "+" : "", points,
                        " points");
  }
  return *before > 0 ? absl::StrFormat("%.2f times", *after / *before) : "";
}

/// The row of ratios to the first column, with their intervals.
std::vector<Cell> SpeedUpRow(const Comparison& comparison) {
  std::vector<Cell> row = {{"times baseline's texts/s, lowest to highest"}};
  const ProfileRuns* const baseline = FindBaseline(comparison.sorted);
  for (const ProfileRuns& runs : comparison.sorted) {
    const auto speed_up = baseline == nullptr ? std::nullopt : SpeedUpOf(*baseline, runs);
    row.push_back(speed_up ? RangeCell(speed_up->ratio, 2, true) : Cell{kNotMeasured});
  }
  return row;
}

/// The row of accuracies minus the baseline's, with their intervals.
std::vector<Cell> AccuracyRow(const Comparison& comparison) {
  std::vector<Cell> row = {{"accuracy against baseline, points"}};
  const std::vector<Answers> all = AnswersOfAll(comparison.sorted);
  for (size_t i = 0; i < all.size(); ++i) {
    row.push_back(DifferenceCell(all[i], comparison.sorted[i].profile == kBaseline));
  }
  return row;
}

}  // namespace

Block FiguresTable(const Comparison& comparison) {
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  const bool before_and_after = sorted.size() == 2 && comparison.absent.empty();
  Table table = {before_and_after ? "Before and after" : "Side by side", {{"", Align::kText}}, {}};
  for (const ProfileRuns& runs : sorted) table.columns.push_back({runs.label});
  for (const Comparison::Absent& absent : comparison.absent) table.columns.push_back({absent.profile});
  if (before_and_after) table.columns.push_back({"change"});
  const auto finish = [&](std::vector<Cell> row, const std::string& change) {
    for (size_t i = 0; i < comparison.absent.size(); ++i) row.push_back({kNotMeasured});
    if (before_and_after) row.push_back({change});
    table.rows.push_back(std::move(row));
  };
  std::vector<Figure> figures = RateFigures(comparison);
  for (std::vector<Figure> more : {LatencyFigures(sorted), AnswerFigures(sorted), MemoryFigures()}) {
    figures.insert(figures.end(), more.begin(), more.end());
  }
  for (const Figure& figure : figures) {
    std::vector<Cell> row = {{figure.name}};
    std::vector<std::optional<double>> values;
    for (const ProfileRuns& runs : sorted) {
      values.push_back(figure.value(runs));
      row.push_back(
          {values.back() ? absl::StrCat(Decimals(*values.back(), figure.decimals), figure.unit) : kNotMeasured});
    }
    finish(std::move(row), before_and_after ? ChangeText(figure, values[0], values[1]) : "");
    if (&figure == &figures.front()) finish(SpeedUpRow(comparison), "");
    if (figure.name.rfind("accuracy", 0) == 0) finish(AccuracyRow(comparison), "");
  }
  return table;
}

}  // namespace roberta::report
