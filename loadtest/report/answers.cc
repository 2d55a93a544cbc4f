#include "loadtest/report/verdict.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::report {

namespace {

using record::Quality;
using record::Ratio;

void Add(const Quality& more, Quality* sum) {
  for (int64_t Quality::*count : {&Quality::labelled, &Quality::correct, &Quality::alone_compared,
                                  &Quality::alone_flips, &Quality::baseline_compared, &Quality::baseline_agreed}) {
    sum->*count += more.*count;
  }
  // Of the texts alone, which are the same for all runs of a series: not more of them, but known again.
  const auto take_more = [&](int64_t Quality::*texts, std::initializer_list<int64_t Quality::*> of_them) {
    if (more.*texts <= sum->*texts) return;
    sum->*texts = more.*texts;
    for (int64_t Quality::*part : of_them) sum->*part = more.*part;
  };
  take_more(&Quality::texts_labelled, {&Quality::texts_correct});
  take_more(&Quality::texts_compared, {&Quality::texts_agreed});
  take_more(&Quality::texts_paired, {&Quality::texts_only_correct, &Quality::texts_only_baseline_correct});
  if (more.calibration.empty()) return;
  if (sum->calibration.empty()) sum->calibration.resize(more.calibration.size());
  if (sum->calibration.size() != more.calibration.size()) return;  // bins of other widths are not the same bins
  for (size_t i = 0; i < more.calibration.size(); ++i) {
    sum->calibration[i].count += more.calibration[i].count;
    sum->calibration[i].correct += more.calibration[i].correct;
    sum->calibration[i].probability_sum += more.calibration[i].probability_sum;
  }
}

int64_t TextsOf(const RunRecord& run) {
  int64_t texts = 0;
  for (const auto& one : run.settings.classes) texts += one.texts;
  return texts;
}

std::optional<double> OfSample(double value) {
  if (value < 0) return std::nullopt;
  return value;
}

std::optional<double> SampleAccuracy(const ProfileRuns& runs) {
  return runs.description == nullptr ? std::nullopt : OfSample(runs.description->accuracy);
}

void JudgeByRunsOrSample(const ProfileRuns& runs, Answers* answers) {
  answers->accuracy = Ratio(answers->sum.correct, answers->sum.labelled);
  if (answers->accuracy) answers->accuracy_source = Source::kRuns;
  const std::optional<double> sample = SampleAccuracy(runs);
  if (sample && (!answers->accuracy || answers->sum.labelled < kLeastPasses * answers->texts)) {
    answers->accuracy = sample;
    answers->accuracy_source = Source::kSample;
  }
}

constexpr char kNoLabels[] = "no answer of these runs was compared with a label";
constexpr char kNoDifference[] =
    "How far chance alone could move the differences of accuracy is not known: no text with a label was sent alone to "
    "a profile and to baseline.";
/// Too few answers say nothing about a bin: at least that many, and that share of all.
constexpr int64_t kLeastInBin = 10;
constexpr double kLeastShareInBin = 0.02;
constexpr size_t kMostNamed = 4, kLongestName = 10;

std::string Reason(const std::vector<ProfileRuns>& sorted) {
  const std::vector<std::string> reasons = Reasons(RunsOf(sorted), &RunRecord::quality);
  return reasons.empty() ? kNoLabels : reasons.front();
}

/// Texts that an accuracy rests on: the same text answered again says nothing new.
int64_t TextsJudged(const Answers& answers) {
  if (answers.accuracy_source == Source::kAlone) return answers.sum.texts_labelled;
  return answers.texts > 0 ? std::min(answers.texts, answers.sum.labelled) : answers.sum.labelled;
}

Block AnswersTable(const std::vector<ProfileRuns>& sorted) {
  Table table = {"Compared with labels, with baseline, and with the same text sent alone",
                 Columns({"profile"}, {"accuracy", "against baseline, points", "baseline's label", "flips in a batch",
                                       "calibration error"}),
                 {}};
  const std::vector<Answers> all = AnswersOfAll(sorted);
  for (size_t i = 0; i < sorted.size(); ++i) {
    const ProfileRuns& runs = sorted[i];
    const Answers& answers = all[i];
    const auto cell = [](const std::optional<double>& share, Source source) {
      return Cell{.text = Percent(share), .note = source == Source::kNone ? "" : SourceName(source)};
    };
    const std::optional<double> error = CalibrationError(answers.sum);
    table.rows.push_back({{runs.label, false, runs.style.color},
                          cell(answers.accuracy, answers.accuracy_source),
                          DifferenceCell(answers, runs.profile == kBaseline),
                          cell(answers.agreement, answers.agreement_source),
                          cell(answers.flips, answers.flips ? Source::kRuns : Source::kNone),
                          cell(error, error ? Source::kRuns : Source::kNone)});
  }
  return table;
}

/// What the differences of accuracy show, profile by profile.
std::string DifferencesText(const std::vector<ProfileRuns>& sorted) {
  std::string text;
  for (const ProfileRuns& runs : sorted) {
    const std::optional<statistics::AccuracyDifference> difference = AnswersOf(runs).difference;
    if (!difference) continue;
    absl::StrAppend(&text, text.empty() ? "Accuracy compared with baseline: " : "; ", runs.label, ": ",
                    statistics::DifferenceText(*difference));
  }
  return text.empty() ? kNoDifference : absl::StrCat(text, " (95 % confidence).");
}

Block ReliabilityChart(const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.x = {.label = "mean score of the predicted label, %"};
  chart.y = {.label = "right answers, %"};
  double lowest = 100;
  for (const ProfileRuns& runs : sorted) {
    document::Series series = {runs.label, runs.style, {}};
    const Quality sum = AnswersOf(runs).sum;
    for (const Quality::CalibrationBin& bin : sum.calibration) {
      const double least = kLeastShareInBin * static_cast<double>(sum.labelled);
      if (bin.count < kLeastInBin || static_cast<double>(bin.count) < least) continue;
      const auto count = static_cast<double>(bin.count);
      const double x = 100 * bin.probability_sum / count, y = 100 * static_cast<double>(bin.correct) / count;
      series.points.push_back({x, y, std::nullopt});
      lowest = std::min({lowest, x, y});
    }
    chart.series.push_back(std::move(series));
  }
  if (lowest < 100) {
    const double from = std::max(0.0, 10 * std::floor(lowest / 10));
    chart.x.range = chart.y.range = {from, 100};
    chart.series.push_back(
        {"as good as it says", {{0x99, 0x99, 0x99}, 1, 0}, {{from, from, {}}, {100, 100, {}}}, false});
  }
  return Chart{.title = "Calibration",
               .reading = "Below the dashed line a score promises more than it keeps.",
               .plot = chart,
               .half = true,
               .missing = Reason(sorted)};
}

}  // namespace

Answers AnswersOf(const ProfileRuns& runs) {
  Answers answers;
  for (const RunRecord* run : RunsOf({runs})) {
    Add(run->quality, &answers.sum);
    answers.texts = std::max(answers.texts, TextsOf(*run));
  }
  answers.flips = Ratio(answers.sum.alone_flips, answers.sum.alone_compared);
  answers.accuracy = Ratio(answers.sum.texts_correct, answers.sum.texts_labelled);
  answers.agreement = Ratio(answers.sum.texts_agreed, answers.sum.texts_compared);
  if (answers.accuracy) {
    answers.accuracy_source = Source::kAlone;
    answers.difference = record::AccuracyDifferenceOf(answers.sum);
  }
  if (answers.agreement) answers.agreement_source = Source::kAlone;
  if (!answers.accuracy) JudgeByRunsOrSample(runs, &answers);
  if (!answers.agreement && (answers.agreement = Ratio(answers.sum.baseline_agreed, answers.sum.baseline_compared))) {
    answers.agreement_source = Source::kRuns;
  }
  if (!answers.agreement && runs.description != nullptr &&
      (answers.agreement = OfSample(runs.description->agreement))) {
    answers.agreement_source = Source::kSample;
  }
  return answers;
}

std::vector<Answers> AnswersOfAll(const std::vector<ProfileRuns>& sorted) {
  std::vector<Answers> all;
  bool any_sample = false, all_samples = true;
  for (const ProfileRuns& runs : sorted) {
    all.push_back(AnswersOf(runs));
    any_sample = any_sample || all.back().accuracy_source == Source::kSample;
    all_samples = all_samples && SampleAccuracy(runs).has_value();
  }
  if (!any_sample || !all_samples) return all;
  for (size_t i = 0; i < sorted.size(); ++i) {
    all[i].accuracy = SampleAccuracy(sorted[i]);
    all[i].accuracy_source = Source::kSample;
    all[i].difference.reset();
  }
  return all;
}

std::optional<AccuracyPair> CompareAccuracy(const ProfileRuns& baseline, const ProfileRuns& runs) {
  const Answers of_baseline = AnswersOf(baseline), answers = AnswersOf(runs);
  const Source source = answers.accuracy_source;
  if (of_baseline.accuracy_source == source && (source == Source::kAlone || source == Source::kRuns)) {
    return AccuracyPair{*of_baseline.accuracy, *answers.accuracy, source, answers.difference};
  }
  const std::optional<double> before = SampleAccuracy(baseline), after = SampleAccuracy(runs);
  if (before && after) return AccuracyPair{*before, *after, Source::kSample, std::nullopt};
  const std::optional<double> was = Ratio(of_baseline.sum.correct, of_baseline.sum.labelled);
  const std::optional<double> is = Ratio(answers.sum.correct, answers.sum.labelled);
  if (was && is) return AccuracyPair{*was, *is, Source::kRuns, std::nullopt};
  return std::nullopt;
}

std::string SourceName(Source source) {
  constexpr const char* kNames[] = {kNotMeasured, "each text alone", "these runs", "the server's sample"};
  return kNames[static_cast<size_t>(source)];
}

std::optional<double> CalibrationError(const Quality& quality) {
  double error = 0;
  int64_t count = 0;
  for (const Quality::CalibrationBin& bin : quality.calibration) {
    count += bin.count;
    error += std::abs(bin.probability_sum - static_cast<double>(bin.correct));
  }
  if (count == 0) return std::nullopt;
  return error / static_cast<double>(count);
}

Cell DifferenceCell(const Answers& answers, bool is_baseline) {
  if (is_baseline) return {};
  if (!answers.difference) return {kNotMeasured};
  return {.text = Decimals(100 * answers.difference->difference, 2),
          .strong = false,
          .swatch = {},
          .note = statistics::IntervalText(*answers.difference)};
}

Block AccuracyChart(const std::vector<ProfileRuns>& sorted) {
  LineChart chart;
  chart.y = {.label = "accuracy, %"};
  // Names that have no room below the points go into the legend.
  const bool named = sorted.size() <= kMostNamed && std::ranges::all_of(sorted, [](const ProfileRuns& runs) {
                       return runs.label.size() <= kLongestName;
                     });
  chart.x.categories = true;
  chart.x.range = {-0.6, static_cast<double>(sorted.size()) - 0.4};
  const std::vector<Answers> all = AnswersOfAll(sorted);
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Answers& answers = all[i];
    const auto x = static_cast<double>(i);
    if (named) chart.x.ticks.emplace_back(x, sorted[i].label);
    document::Series series = {named ? "" : sorted[i].label, sorted[i].style, {}};
    if (answers.accuracy_source == Source::kRuns || answers.accuracy_source == Source::kAlone) {
      const auto interval = statistics::ShareInterval(*answers.accuracy, TextsJudged(answers));
      series.points.push_back({x, 100 * *answers.accuracy, std::pair(100 * interval.low, 100 * interval.high)});
    } else if (answers.accuracy) {
      series.points.push_back({x, 100 * *answers.accuracy, std::nullopt});
    }
    chart.series.push_back(std::move(series));
  }
  const bool of_sample =
      std::ranges::any_of(all, [](const Answers& answers) { return answers.accuracy_source == Source::kSample; });
  return Chart{.title = "Accuracy of the answers",
               .reading = of_sample ? "On the labeled texts of the server's sample, when it loaded the profile."
                                    : "The lines are what chance alone could make of it (95 %) on so many texts.",
               .plot = chart,
               .half = true,
               .missing = Reason(sorted)};
}

Blocks AnswersSection(const std::vector<ProfileRuns>& sorted) {
  Blocks blocks = {Heading{"Quality of the answers"}, AnswersTable(sorted)};
  blocks.emplace_back(Paragraph{DifferencesText(sorted), TextStyle::kNote});
  Append(MissingNote(Reasons(RunsOf(sorted), &RunRecord::quality)), &blocks);
  blocks.push_back(AccuracyChart(sorted));
  blocks.push_back(ReliabilityChart(sorted));
  return blocks;
}

}  // namespace roberta::loadtest::report
