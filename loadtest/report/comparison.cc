#include "loadtest/report/comparison.h"

#include <algorithm>
#include <functional>
#include <map>
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
  const auto found =
      std::find_if(sorted.begin(), sorted.end(), [&](const ProfileRuns& runs) { return runs.profile == profile; });
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

namespace {

/// A figure of a profile, made of those of its runs, and how it is written.
struct ProfileFigure {
  std::string name;
  std::function<std::optional<double>(const ProfileRuns&)> value;
  int decimals = 1;
  enum { kTimes, kPoints, kNothing } change = kTimes;  ///< between before and after
  std::string unit;                                    ///< behind the number
};

std::optional<double> InPercent(const std::optional<double>& share) {
  return share ? std::optional(100 * *share) : std::nullopt;
}

ProfileFigure LatencyFigure(const Load& load, double quantile) {
  return {absl::StrFormat("p%g at %s, ms", 100 * quantile, LoadText(load)),
          [=](const ProfileRuns& runs) { return Median(runs.At(load)->Of(LatencyAt(quantile))); }, 2};
}

std::vector<ProfileFigure> RateFigures(const Comparison& comparison) {
  std::vector<ProfileFigure> figures = {{"texts/s at full load",
                                         [](const ProfileRuns& runs) { return Median(FullRate(runs)); }, 1,
                                         ProfileFigure::kNothing}};
  if (comparison.searches.empty()) return figures;
  const record::RateSearch& search = *comparison.searches.front();
  figures.push_back({absl::StrFormat("requests/s with p%g within %g ms", 100 * search.quantile, search.objective_ms),
                     [&](const ProfileRuns& runs) { return Median(FoundRate(comparison, runs.profile)); }});
  return figures;
}

std::vector<ProfileFigure> LatencyFigures(const std::vector<ProfileRuns>& sorted) {
  std::vector<ProfileFigure> figures;
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

std::vector<ProfileFigure> AnswerFigures(const std::vector<ProfileRuns>& sorted) {
  const std::vector<Answers> all = AnswersOfAll(sorted);
  std::map<const ProfileRuns*, Answers> of;
  for (size_t i = 0; i < sorted.size(); ++i) of[&sorted[i]] = all[i];
  return {
      {NameWithSource("accuracy", all, &Answers::accuracy_source),
       [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).accuracy); }, 2, ProfileFigure::kPoints, " %"},
      {NameWithSource("baseline's label", all, &Answers::agreement_source),
       [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).agreement); }, 2, ProfileFigure::kNothing, " %"},
      {"flips, batched against alone", [of](const ProfileRuns& runs) { return InPercent(of.at(&runs).flips); }, 2,
       ProfileFigure::kPoints, " %"},
      {"calibration error", [of](const ProfileRuns& runs) { return InPercent(CalibrationError(of.at(&runs).sum)); }, 2,
       ProfileFigure::kPoints, " %"}};
}

std::vector<ProfileFigure> MemoryFigures() {
  return {{"weights, MiB", WeightMib}, {"the server's process at most, MiB", [](const ProfileRuns& runs) {
                                          return Median(Busiest(runs).Of(ResidentMib));
                                        }}};
}

std::string ChangeText(const ProfileFigure& figure, const std::optional<double>& before,
                       const std::optional<double>& after) {
  if (!before || !after || figure.change == ProfileFigure::kNothing) return "";
  if (figure.change == ProfileFigure::kPoints) {
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
  std::vector<ProfileFigure> figures = RateFigures(comparison);
  for (std::vector<ProfileFigure> more : {LatencyFigures(sorted), AnswerFigures(sorted), MemoryFigures()}) {
    figures.insert(figures.end(), more.begin(), more.end());
  }
  for (const ProfileFigure& figure : figures) {
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

}  // namespace roberta::loadtest::report
