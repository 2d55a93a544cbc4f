#pragma once

#include <cstddef>
#include <optional>

#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::service {

/// FUNCTION_AUTO resolved by the model: its problem_type, else sigmoid for one label and softmax for more. Others are
/// returned.
v1::FunctionToApply ResolveFunction(v1::FunctionToApply function, const checkpoint::ModelConfig& config);

/// Turns finite `logits` [labels] into scores in place by a resolved function. Softmax subtracts the largest logit
/// first.
void ApplyFunction(v1::FunctionToApply function, absl::Span<float> logits);

/// Fills label, index, score and scores (best first, ties by index; at most `top_k`) from `scores` [labels].
void FillScores(absl::Span<const float> scores, const checkpoint::ModelConfig& config, std::optional<size_t> top_k,
                v1::Classification* classification);

}  // namespace roberta::service
