#include "profiles/quality/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

namespace roberta::quality {
namespace {

constexpr float kDecision = 0.5f;
constexpr double kCloseScores = 0.01;
constexpr double kRounding = 1e-9;  // a share that equals its limit must pass
constexpr double kMostDifferenceOfOneAnswer = 0.05;

using Scores = absl::Span<const float>;

bool Agrees(Agreement agreement, Scores one, Scores other) {
  switch (agreement) {
    case Agreement::kSameLabel:
      return LabelOf(one) == LabelOf(other);
    case Agreement::kSameLabels:
      return std::equal(one.begin(), one.end(), other.begin(),
                        [](float a, float b) { return (a >= kDecision) == (b >= kDecision); });
    case Agreement::kClose:
      break;
  }
  return std::equal(one.begin(), one.end(), other.begin(),
                    [](float a, float b) { return std::abs(static_cast<double>(a) - b) <= kCloseScores; });
}

/// Whether `scores` say what the example's label or labels say; a single score, whether it is within 0.5 of the label.
bool IsRight(const Example& example, Scores scores) {
  if (example.score) return std::abs(scores[0] - *example.score) <= kDecision;
  if (!example.labels) return LabelOf(scores) == static_cast<size_t>(*example.label);
  auto expected = example.labels->begin();
  for (size_t label = 0; label < scores.size(); ++label) {
    const bool is_expected = expected != example.labels->end() && *expected == static_cast<int32_t>(label);
    if (is_expected != (scores[label] >= kDecision)) return false;
    expected += is_expected;
  }
  return true;
}

/// Whether the first answer of several is every other one's.
bool IsOneAnswer(Agreement agreement, size_t labels, Scores scores) {
  const Scores first = scores.subspan(0, labels);
  for (size_t at = labels; at < scores.size(); at += labels) {
    if (!Agrees(agreement, first, scores.subspan(at, labels))) return false;
  }
  return true;
}

constexpr size_t kBins = 15;

using Confusion = std::vector<std::vector<size_t>>;

double Accuracy(const Confusion& confusion, size_t examples) {
  size_t right = 0;
  for (size_t label = 0; label < confusion.size(); ++label) right += confusion[label][label];
  return static_cast<double>(right) / static_cast<double>(examples);
}

double MacroF1(const Confusion& confusion) {
  double sum = 0;
  size_t labels = 0;
  for (size_t label = 0; label < confusion.size(); ++label) {
    size_t truths = 0, answers = 0;
    for (size_t other = 0; other < confusion.size(); ++other) {
      truths += confusion[label][other];
      answers += confusion[other][label];
    }
    if (truths + answers == 0) continue;
    ++labels;
    sum += 2 * static_cast<double>(confusion[label][label]) / static_cast<double>(truths + answers);
  }
  return sum / static_cast<double>(labels);
}

/// Sums over the examples whose highest score falls into one bin.
struct Bin {
  double scores = 0;
  double right = 0;
};

size_t BinOf(float score) {
  const auto bin = static_cast<size_t>(std::ceil(static_cast<double>(score) * kBins));
  return std::clamp<size_t>(bin, 1, kBins) - 1;
}

}  // namespace

ScoreFunction ScoreFunctionOf(const checkpoint::ModelConfig& config) {
  if (config.problem_type == checkpoint::ProblemType::kRegression) return ScoreFunction::kNone;
  const bool is_sigmoid = config.problem_type == checkpoint::ProblemType::kMultiLabel || config.num_labels() == 1;
  return is_sigmoid ? ScoreFunction::kSigmoid : ScoreFunction::kSoftmax;
}

void ApplyScoreFunction(ScoreFunction function, absl::Span<float> logits) {
  if (function == ScoreFunction::kSigmoid) {
    for (float& value : logits) value = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(value))));
  } else if (function == ScoreFunction::kSoftmax) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (float value : logits) sum += std::exp(value - largest);
    for (float& value : logits) value = static_cast<float>(std::exp(value - largest) / sum);
  }
}

std::vector<float> ScoresOf(absl::Span<const float> logits, const checkpoint::ModelConfig& config) {
  const ScoreFunction function = ScoreFunctionOf(config);
  const auto labels = static_cast<size_t>(config.num_labels());
  std::vector<float> scores(logits.begin(), logits.end());
  for (size_t at = 0; at < scores.size(); at += labels) {
    ApplyScoreFunction(function, absl::MakeSpan(scores).subspan(at, labels));
  }
  return scores;
}

Agreement AgreementOf(const checkpoint::ModelConfig& config) {
  if (config.num_labels() == 1) return Agreement::kClose;
  if (config.problem_type == checkpoint::ProblemType::kRegression) return Agreement::kClose;
  return config.problem_type == checkpoint::ProblemType::kMultiLabel ? Agreement::kSameLabels : Agreement::kSameLabel;
}

size_t LabelOf(absl::Span<const float> scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

size_t CountDifferent(Agreement agreement, size_t labels, Scores some, Scores others) {
  size_t different = 0;
  for (size_t at = 0; at < some.size(); at += labels) {
    different += !Agrees(agreement, some.subspan(at, labels), others.subspan(at, labels));
  }
  return different;
}

Quality CompareLogits(absl::Span<const float> logits, absl::Span<const float> baseline_logits, const Sample& sample,
                      const checkpoint::ModelConfig& config) {
  const auto labels = static_cast<size_t>(config.num_labels());
  const std::vector<float> own = ScoresOf(logits, config), baseline = ScoresOf(baseline_logits, config);
  double sum = 0, largest = 0;
  for (size_t i = 0; i < own.size(); ++i) {
    const double difference = std::abs(static_cast<double>(own[i]) - baseline[i]);
    sum += difference;
    largest = std::max(largest, difference);
  }
  size_t right = 0, baseline_right = 0;
  statistics::PairedAnswers paired = {.texts = static_cast<int64_t>(sample.size())};
  for (size_t i = 0; i < sample.size() && HasLabels(sample); ++i) {
    const bool is_right = IsRight(sample[i], Scores(own).subspan(i * labels, labels));
    const bool baseline_is_right = IsRight(sample[i], Scores(baseline).subspan(i * labels, labels));
    right += is_right;
    baseline_right += baseline_is_right;
    paired.only_first_correct += baseline_is_right && !is_right;
    paired.only_second_correct += is_right && !baseline_is_right;
  }
  const size_t different = CountDifferent(AgreementOf(config), labels, own, baseline);
  const auto examples = static_cast<double>(sample.size());
  Quality quality = {.examples = sample.size(),
                     .agreement = static_cast<double>(sample.size() - different) / examples,
                     .mean_abs_dp = sum / (examples * static_cast<double>(labels)),
                     .max_abs_dp = largest,
                     .accuracy = std::nullopt,
                     .baseline_accuracy = std::nullopt,
                     .one_answer = IsOneAnswer(AgreementOf(config), labels, baseline)};
  if (HasLabels(sample)) {
    quality.accuracy = static_cast<double>(right) / examples;
    quality.baseline_accuracy = static_cast<double>(baseline_right) / examples;
    quality.paired = paired;
  }
  return quality;
}

std::string QualityText(const Quality& quality) {
  const auto differ = static_cast<size_t>(std::lround((1 - quality.agreement) * static_cast<double>(quality.examples)));
  std::string text =
      absl::StrFormat("agreement %.2f %% (%d of %d differ), mean |dp| %.4f, max |dp| %.4f", quality.agreement * 100,
                      differ, quality.examples, quality.mean_abs_dp, quality.max_abs_dp);
  if (quality.accuracy) {
    absl::StrAppendFormat(&text, ", accuracy %.2f %% (baseline %.2f %%)", *quality.accuracy * 100,
                          quality.baseline_accuracy.value_or(0) * 100);
  }
  return text;
}

absl::Status CheckGate(const Gate& gate, const Quality& quality) {
  std::vector<std::string> missed;
  if (gate.min_agreement && quality.agreement < *gate.min_agreement - kRounding) {
    missed.push_back(absl::StrFormat("agreement is below %.2f %%", *gate.min_agreement * 100));
  }
  const bool lets_all_pass = gate.min_agreement.value_or(0) == 0;
  if (quality.one_answer && !lets_all_pass && quality.mean_abs_dp > kMostDifferenceOfOneAnswer) {
    missed.push_back(absl::StrFormat("baseline gives all %d texts one answer, and mean |dp| is above %.2f",
                                     quality.examples, kMostDifferenceOfOneAnswer));
  }
  if (gate.max_mean_abs_dp && quality.mean_abs_dp > *gate.max_mean_abs_dp) {
    missed.push_back(absl::StrFormat("mean |dp| is above %.4f", *gate.max_mean_abs_dp));
  }
  if (gate.max_accuracy_drop_points && !quality.accuracy) {
    missed.push_back("max_accuracy_drop_points needs a sample with labels");
  } else if (gate.max_accuracy_drop_points &&
             (*quality.baseline_accuracy - *quality.accuracy) * 100 > *gate.max_accuracy_drop_points + kRounding) {
    missed.push_back(absl::StrFormat("accuracy falls by more than %.2f points", *gate.max_accuracy_drop_points));
  }
  if (missed.empty()) return absl::OkStatus();
  return errors::FailedPrecondition("quality gate: ", absl::StrJoin(missed, ", "), ": ", QualityText(quality));
}

LabelMetrics MeasureLabels(absl::Span<const float> scores, const Sample& sample) {
  const size_t labels = scores.size() / sample.size();
  LabelMetrics metrics;
  metrics.confusion.assign(labels, std::vector<size_t>(labels, 0));
  std::array<Bin, kBins> bins;
  for (size_t i = 0; i < sample.size(); ++i) {
    const absl::Span<const float> of_text = scores.subspan(i * labels, labels);
    const auto truth = static_cast<size_t>(*sample[i].label);
    const size_t answer = LabelOf(of_text);
    ++metrics.confusion[truth][answer];
    Bin& bin = bins[BinOf(of_text[answer])];
    bin.scores += of_text[answer];
    bin.right += answer == truth ? 1 : 0;
  }
  metrics.accuracy = Accuracy(metrics.confusion, sample.size());
  metrics.macro_f1 = MacroF1(metrics.confusion);
  for (const Bin& bin : bins) metrics.expected_calibration_error += std::abs(bin.right - bin.scores);
  metrics.expected_calibration_error /= static_cast<double>(sample.size());
  return metrics;
}

}  // namespace roberta::quality
