#include "profiles/quality/agreement.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/quality/probabilities.h"

namespace roberta::quality {

namespace {

constexpr float kDecision = 0.5f;
constexpr double kCloseScores = 0.01;
constexpr double kRounding = 1e-9;  // a share that equals its limit must pass

using Scores = absl::Span<const float>;

bool Agrees(Agreement agreement, Scores one, Scores other) {
  switch (agreement) {
    case Agreement::kSameLabel:
      return std::max_element(one.begin(), one.end()) - one.begin() ==
             std::max_element(other.begin(), other.end()) - other.begin();
    case Agreement::kSameLabels:
      return std::equal(one.begin(), one.end(), other.begin(),
                        [](float a, float b) { return (a >= kDecision) == (b >= kDecision); });
    case Agreement::kClose:
      break;
  }
  return std::equal(one.begin(), one.end(), other.begin(),
                    [](float a, float b) { return std::abs(static_cast<double>(a) - b) <= kCloseScores; });
}

bool IsRight(Scores scores, int32_t label) {
  return std::max_element(scores.begin(), scores.end()) - scores.begin() == label;
}

}  // namespace

Agreement AgreementOf(const checkpoint::ModelConfig& config) {
  if (config.num_labels() == 1) return Agreement::kClose;
  if (config.problem_type == checkpoint::ProblemType::kRegression) return Agreement::kClose;
  return config.problem_type == checkpoint::ProblemType::kMultiLabel ? Agreement::kSameLabels : Agreement::kSameLabel;
}

Quality CompareLogits(absl::Span<const float> logits, absl::Span<const float> baseline_logits, const Sample& sample,
                      const checkpoint::ModelConfig& config) {
  const auto labels = static_cast<size_t>(config.num_labels());
  const Agreement agreement = AgreementOf(config);
  const ScoreFunction function = ScoreFunctionOf(config);
  size_t agreed = 0, right = 0, baseline_right = 0;
  double sum = 0, largest = 0;
  std::vector<float> own(labels), baseline(labels);
  for (size_t i = 0; i < sample.size(); ++i) {
    std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * labels), labels, own.begin());
    std::copy_n(baseline_logits.begin() + static_cast<std::ptrdiff_t>(i * labels), labels, baseline.begin());
    ApplyScoreFunction(function, absl::MakeSpan(own));
    ApplyScoreFunction(function, absl::MakeSpan(baseline));
    agreed += Agrees(agreement, own, baseline);
    for (size_t label = 0; label < labels; ++label) {
      const double difference = std::abs(static_cast<double>(own[label]) - baseline[label]);
      sum += difference;
      largest = std::max(largest, difference);
    }
    if (!sample[i].label) continue;
    right += IsRight(own, *sample[i].label);
    baseline_right += IsRight(baseline, *sample[i].label);
  }
  const auto examples = static_cast<double>(sample.size());
  Quality quality = {.examples = sample.size(),
                     .agreement = static_cast<double>(agreed) / examples,
                     .mean_abs_dp = sum / (examples * static_cast<double>(labels)),
                     .max_abs_dp = largest,
                     .accuracy = std::nullopt,
                     .baseline_accuracy = std::nullopt};
  if (sample.front().label) {
    quality.accuracy = static_cast<double>(right) / examples;
    quality.baseline_accuracy = static_cast<double>(baseline_right) / examples;
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
  return absl::FailedPreconditionError(
      absl::StrCat("quality gate: ", absl::StrJoin(missed, ", "), ": ", QualityText(quality)));
}

}  // namespace roberta::quality
