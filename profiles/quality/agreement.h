#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/quality/sample.h"
#include "profiles/statistics/statistics.h"

namespace roberta::quality {

/// From logits to scores.
enum class ScoreFunction { kNone, kSigmoid, kSoftmax };

/// The model's own, as in a pipeline of transformers: none for regression, sigmoid for multi-label and for one label,
/// whose softmax would be 1 for every text, softmax for the others.
ScoreFunction ScoreFunctionOf(const checkpoint::ModelConfig& config);

/// Turns the finite logits [labels] of one text into scores, in place. Softmax subtracts the largest logit first.
void ApplyScoreFunction(ScoreFunction function, absl::Span<float> logits);

/// The scores of finite `logits` [texts, labels], of the same shape, by the model's own function.
std::vector<float> ScoresOf(absl::Span<const float> logits, const checkpoint::ModelConfig& config);

/// When two answers to one text agree.
enum class Agreement {
  kSameLabel,   ///< the same LabelOf
  kSameLabels,  ///< multi-label: the same labels have a score of at least 0.5
  kClose,       ///< one label, and regression: scores differ by at most 0.01
};

Agreement AgreementOf(const checkpoint::ModelConfig& config);

/// The label that has the highest of `scores` [labels], or of logits; of equal ones the first.
size_t LabelOf(absl::Span<const float> scores);

/// Texts whose two answers do not agree; both are scores [texts, labels].
size_t CountDifferent(Agreement agreement, size_t labels, absl::Span<const float> some, absl::Span<const float> others);

/// How the answers of a profile on a sample compare with those of the baseline. Scores (`p`) are those of the model's
/// own function, see ScoreFunctionOf.
struct Quality {
  size_t examples = 0;
  double agreement = 0;    ///< share of the examples, 0 to 1, on which both agree
  double mean_abs_dp = 0;  ///< over all examples and labels
  double max_abs_dp = 0;
  std::optional<double> accuracy;           ///< share that has the sample's label; absent for a sample without labels
  std::optional<double> baseline_accuracy;  ///< the baseline's on the same sample
  /// The baseline is the first of the two classifiers, the profile the second; absent for a sample without labels.
  std::optional<statistics::PairedAnswers> paired = std::nullopt;
  bool one_answer = false;  ///< the baseline gives all texts the same label or labels: agreement alone shows little
};

/// Compares finite `logits` [examples, labels] with the baseline's, of the same shape.
Quality CompareLogits(absl::Span<const float> logits, absl::Span<const float> baseline_logits, const Sample& sample,
                      const checkpoint::ModelConfig& config);

/// How often answers of one label of several are right, and how well their scores say so.
struct LabelMetrics {
  std::vector<std::vector<size_t>> confusion;  ///< [true label][answered label], in examples
  double accuracy = 0;                         ///< share of the examples that are right
  /// Mean over the labels that are true or answered somewhere of F1 = 2 TP / (2 TP + FP + FN).
  double macro_f1 = 0;
  /// Expected calibration error: over 15 bins of equal width of the highest score, (0, 1/15] and so on, the mean
  /// distance between the share that is right and the mean score, weighted by examples (Guo et al. 2017).
  double expected_calibration_error = 0;
};

/// Of the `scores` [examples, labels], which are probabilities, on examples that all have a label; one at least.
LabelMetrics MeasureLabels(absl::Span<const float> scores, const Sample& sample);

/// What a profile must reach to be served. An absent limit is not checked.
struct Gate {
  std::optional<double> min_agreement;  ///< 0 to 1; 0 lets everything through
  std::optional<double> max_mean_abs_dp;
  std::optional<double> max_accuracy_drop_points;  ///< in percent of the sample; needs labels
};

/// One line of what was measured: "agreement 99.61 % (1 of 256 differs), mean |dp| 0.0012, ...".
std::string QualityText(const Quality& quality);

/// FailedPrecondition, with every limit that is missed and all that was measured; also where a limit cannot be checked,
/// because the sample has no labels. Where the baseline gives one answer to all texts, a profile that always gives that
/// would agree: the mean difference of a score must then be small as well (0.05), unless the gate lets all pass.
absl::Status CheckGate(const Gate& gate, const Quality& quality);

}  // namespace roberta::quality
