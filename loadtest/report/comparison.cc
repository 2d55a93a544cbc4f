#include "loadtest/report/sections.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "loadtest/report/verdict.h"

namespace roberta::loadtest::report {

namespace {

/// Why there is no run of `profile`.
std::string WhyAbsent(const record::Series& series, const std::string& profile) {
  bool listed = false, known = false;
  for (const RunRecord& run : series.runs) {
    for (const auto& description : run.server.profiles) {
      listed = true;
      if (description.name != profile) continue;
      known = true;
      if (description.state == record::kReady) continue;
      const std::string why = description.reason.empty() ? "" : absl::StrCat(": ", description.reason);
      return absl::StrCat("the server has it as ", description.state, why);
    }
  }
  return listed && !known ? "the server has no profile of that name" : "no run of it is in the records";
}

const ProfileRuns* Find(const std::vector<ProfileRuns>& sorted, const std::string& profile) {
  const auto found = std::ranges::find(sorted, profile, &ProfileRuns::profile);
  return found == sorted.end() ? nullptr : &*found;
}

std::string WeightWords(const ProfileRuns& before, const ProfileRuns& after) {
  const std::optional<double> was = WeightMib(before), is = WeightMib(after);
  if (!was || !is) return "";
  return absl::StrFormat(" Its weights take %s instead of %s MiB.", Digits(*is), Digits(*was));
}

std::string Advice(const ProfileRuns& before, const ProfileRuns& after) {
  if (const std::string why_not = WhyNot(&before, after); !why_not.empty()) {
    return absl::StrCat(" Do not run it: it ", why_not, ".");
  }
  const std::optional<SpeedUp> speed_up = SpeedUpOf(before, after);
  if (!speed_up) return " Whether it is faster was not measured: every rate that was asked for was kept up with.";
  if (speed_up->ratio.median <= 1) return " It is not faster, so there is no reason to run it.";
  if (const std::string doubt = Doubt(before, after); !doubt.empty()) return doubt;
  if (CompareAccuracy(before, after)) {
    return absl::StrCat(
        absl::StrFormat(" On these texts it loses no more than %.1f points of accuracy, so run it.", kMostPointsLost),
        AccuracyDoubt(before, after));
  }
  return AnswersOf(after).agreement ? " So run it." : " Measure that before you run it.";
}

/// A figure of each profile, and how it is written.
struct FigureRow {
  std::string name;
  std::vector<std::optional<double>> values;  ///< [profiles]
  int decimals = 1;
  enum Change { kTimes, kPoints, kNothing } change = kTimes;  ///< between before and after
  std::string unit;                                           ///< behind the number
};

/// What `value` makes of each.
template <typename Subject, typename Value>
std::vector<std::optional<double>> Each(const std::vector<Subject>& subjects, const Value& value) {
  std::vector<std::optional<double>> values;
  for (const Subject& subject : subjects) values.push_back(value(subject));
  return values;
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

void AddAnswers(const std::vector<Answers>& all, std::vector<FigureRow>* rows) {
  const auto add = [&](const std::string& name, FigureRow::Change change, const auto& share_of) {
    const auto percent = [&](const Answers& answers) -> std::optional<double> {
      const std::optional<double> share = share_of(answers);
      return share ? std::optional(100 * *share) : std::nullopt;
    };
    rows->push_back({name, Each(all, percent), 2, change, " %"});
  };
  add(NameWithSource("accuracy", all, &Answers::accuracy_source), FigureRow::kPoints,
      [](const Answers& answers) { return answers.accuracy; });
  add(NameWithSource("baseline's label", all, &Answers::agreement_source), FigureRow::kNothing,
      [](const Answers& answers) { return answers.agreement; });
  add("flips, batched against alone", FigureRow::kPoints, [](const Answers& answers) { return answers.flips; });
  add("calibration error", FigureRow::kPoints, [](const Answers& answers) { return CalibrationError(answers.sum); });
}

std::vector<FigureRow> RowsOf(const Comparison& comparison) {
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  std::vector<FigureRow> rows;
  const auto rate = [](const ProfileRuns& runs) { return Median(FullRate(runs)); };
  rows.push_back({"texts/s at full load", Each(sorted, rate), 1, FigureRow::kNothing});
  if (!comparison.searches.empty()) {
    const record::RateSearch& search = *comparison.searches.front();
    rows.push_back(
        {absl::StrFormat("requests/s with p%g within %g ms", 100 * search.quantile, search.objective_ms),
         Each(sorted, [&](const ProfileRuns& runs) { return Median(FoundRate(comparison, runs.profile)); })});
  }
  const std::optional<Load> lightest = LightestLoad(PointersTo(sorted)), shared = SharedLoad(PointersTo(sorted));
  for (const std::optional<Load>& load : {lightest, shared == lightest ? std::nullopt : shared}) {
    if (!load) continue;
    for (const double quantile : {0.5, 0.99}) {
      const auto latency = [&](const ProfileRuns& runs) { return Median(runs.At(*load)->Of(LatencyAt(quantile))); };
      rows.push_back({absl::StrFormat("p%g at %s, ms", 100 * quantile, LoadText(*load)), Each(sorted, latency), 2});
    }
  }
  AddAnswers(AnswersOfAll(sorted), &rows);
  rows.push_back({"weights, MiB", Each(sorted, WeightMib)});
  const auto resident = [](const ProfileRuns& runs) { return Median(Busiest(runs).Of(ResidentMib)); };
  rows.push_back({"the server's process at most, MiB", Each(sorted, resident)});
  return rows;
}

/// From the first profile to the second.
std::string ChangeText(const FigureRow& row) {
  const std::optional<double>&before = row.values[0], &after = row.values[1];
  if (!before || !after || row.change == FigureRow::kNothing) return "";
  if (row.change == FigureRow::kTimes) return *before > 0 ? absl::StrFormat("%.2f times", *after / *before) : "";
  const std::string points = Decimals(*after - *before, row.decimals);
  return absl::StrCat(*after > *before && points.find_first_of("123456789") != std::string::npos ? "+" : "", points,
                      " points");
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

Comparison Compare(const record::Series& series, const std::vector<std::string>& names) {
  Comparison comparison;
  for (const std::string& name : names) {
    const size_t before = comparison.runs.size();
    for (const RunRecord& run : series.runs) {
      if (ProfileOf(run) == name && run.settings.variant.empty()) comparison.runs.push_back(&run);
    }
    if (comparison.runs.size() == before) comparison.absent.push_back({name, WhyAbsent(series, name)});
    for (const record::RateSearch& search : series.searches) {
      if (search.profile == name && search.variant.empty()) comparison.searches.push_back(&search);
    }
  }
  comparison.sorted = Sort(comparison.runs);
  return comparison;
}

std::string WhatItIs(const record::Series& series, const std::string& profile) {
  for (const RunRecord& run : series.runs) {
    for (const auto& description : run.server.profiles) {
      if (description.name == profile && !description.summary.empty()) return description.summary;
    }
  }
  return "";
}

Blocks AbsentBoxes(const Comparison& comparison) {
  Blocks boxes;
  for (const Comparison::Absent& absent : comparison.absent) {
    boxes.emplace_back(
        Paragraph{absl::StrCat(absent.profile, ": not measured, because ", absent.why, "."), TextStyle::kWarning});
  }
  return boxes;
}

std::string BeforeAndAfter(const Comparison& comparison, const std::string& before, const std::string& after) {
  const ProfileRuns* const one = Find(comparison.sorted, before);
  const ProfileRuns* const other = Find(comparison.sorted, after);
  if (one == nullptr && other == nullptr) return absl::StrCat("Neither ", before, " nor ", after, " was measured.");
  if (other == nullptr) {
    return absl::StrCat(after, " was not measured, so there is nothing to compare. ", InWords(one, *one, before));
  }
  if (one == nullptr) {
    return absl::StrCat(before, " was not measured, so there is nothing to compare. ", InWords(nullptr, *other, after));
  }
  if (Busiest(*other).Of(TextsPerSecond).value_or(Spread()).high <= 0) return InWords(one, *other, after);
  return absl::StrCat(InWords(one, *other, after), WeightWords(*one, *other), Advice(*one, *other));
}

std::optional<Spread> FoundRate(const Comparison& comparison, const std::string& profile) {
  for (const record::RateSearch* search : comparison.searches) {
    if (search->profile == profile) return SpreadOf(search->found);
  }
  return std::nullopt;
}

Block FiguresTable(const Comparison& comparison) {
  const std::vector<ProfileRuns>& sorted = comparison.sorted;
  const bool before_and_after = sorted.size() == 2 && comparison.absent.empty();
  Table table = {before_and_after ? "Before and after" : "Side by side", Columns({""}), {}};
  for (const ProfileRuns& runs : sorted) table.columns.push_back({runs.label});
  for (const Comparison::Absent& absent : comparison.absent) table.columns.push_back({absent.profile});
  if (before_and_after) table.columns.push_back({"change"});
  const auto finish = [&](std::vector<Cell> row, const std::string& change) {
    for (size_t i = 0; i < comparison.absent.size(); ++i) row.push_back({kNotMeasured});
    if (before_and_after) row.push_back({change});
    table.rows.push_back(std::move(row));
  };
  const std::vector<FigureRow> rows = RowsOf(comparison);
  for (const FigureRow& figure : rows) {
    std::vector<Cell> row = {{figure.name}};
    for (const std::optional<double>& value : figure.values) {
      row.push_back({value ? absl::StrCat(Decimals(*value, figure.decimals), figure.unit) : kNotMeasured});
    }
    finish(std::move(row), before_and_after ? ChangeText(figure) : "");
    if (&figure == &rows.front()) finish(SpeedUpRow(comparison), "");
    if (figure.name.rfind("accuracy", 0) == 0) finish(AccuracyRow(comparison), "");
  }
  return table;
}

}  // namespace roberta::loadtest::report
