#pragma once

#include <vector>

#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"

namespace roberta::quality {

/// From logits to scores.
enum class ScoreFunction { kNone, kSigmoid, kSoftmax };

/// The model's own: by problem_type of config.json (none for regression), where it has none sigmoid for one label and
/// softmax for more.
ScoreFunction ScoreFunctionOf(const checkpoint::ModelConfig& config);

/// Turns the finite logits [labels] of one text into scores, in place. Softmax subtracts the largest logit first.
void ApplyScoreFunction(ScoreFunction function, absl::Span<float> logits);

/// The scores of finite `logits` [texts, labels], of the same shape, by the model's own function.
std::vector<float> ScoresOf(absl::Span<const float> logits, const checkpoint::ModelConfig& config);

}  // namespace roberta::quality
