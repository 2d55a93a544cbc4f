#include "loadtest/report/answers.h"

#include <algorithm>
#include <cmath>

#include "loadtest/report/presentation.h"

namespace roberta::loadtest::report {

namespace {

using record::Quality;

std::optional<double> Share(int64_t hits, int64_t of) {
  if (of <= 0) return std::nullopt;
  return static_cast<double>(hits) / static_cast<double>(of);
}

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
  answers->accuracy = Share(answers->sum.correct, answers->sum.labelled);
  if (answers->accuracy) answers->accuracy_source = Source::kRuns;
  const std::optional<double> sample = SampleAccuracy(runs);
  if (sample && (!answers->accuracy || answers->sum.labelled < kLeastPasses * answers->texts)) {
    answers->accuracy = sample;
    answers->accuracy_source = Source::kSample;
  }
}

}  // namespace

Answers AnswersOf(const ProfileRuns& runs) {
  Answers answers;
  for (const RunRecord* run : RunsOf({runs})) {
    Add(run->quality, &answers.sum);
    answers.texts = std::max(answers.texts, TextsOf(*run));
  }
  answers.flips = Share(answers.sum.alone_flips, answers.sum.alone_compared);
  answers.accuracy = Share(answers.sum.texts_correct, answers.sum.texts_labelled);
  answers.agreement = Share(answers.sum.texts_agreed, answers.sum.texts_compared);
  if (answers.accuracy) {
    answers.accuracy_source = Source::kAlone;
    answers.difference = record::AccuracyDifferenceOf(answers.sum);
  }
  if (answers.agreement) answers.agreement_source = Source::kAlone;
  if (!answers.accuracy) JudgeByRunsOrSample(runs, &answers);
  if (!answers.agreement && (answers.agreement = Share(answers.sum.baseline_agreed, answers.sum.baseline_compared))) {
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

std::optional<AccuracyPair> CompareAccuracy(const Answers& baseline, const ProfileRuns& baseline_runs,
                                            const Answers& answers, const ProfileRuns& runs) {
  const Source source = answers.accuracy_source;
  if (baseline.accuracy_source == source && (source == Source::kAlone || source == Source::kRuns)) {
    return AccuracyPair{*baseline.accuracy, *answers.accuracy, source, answers.difference};
  }
  const std::optional<double> before = SampleAccuracy(baseline_runs), after = SampleAccuracy(runs);
  if (before && after) return AccuracyPair{*before, *after, Source::kSample, std::nullopt};
  const std::optional<double> was = Share(baseline.sum.correct, baseline.sum.labelled);
  const std::optional<double> is = Share(answers.sum.correct, answers.sum.labelled);
  if (was && is) return AccuracyPair{*was, *is, Source::kRuns, std::nullopt};
  return std::nullopt;
}

std::string SourceName(Source source) {
  switch (source) {
    case Source::kAlone:
      return "each text alone";
    case Source::kRuns:
      return "these runs";
    case Source::kSample:
      return "the server's sample";
    case Source::kNone:
      break;
  }
  return kNotMeasured;
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

}  // namespace roberta::loadtest::report
