#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "google/rpc/status.pb.h"
#include "profiles/checkpoint/config.h"
#include "profiles/tokenizer/tokenizer.h"
#include "roberta/v1/classifier.pb.h"
#include "server/call/call.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// Resolves FUNCTION_AUTO by the model: its problem_type, else sigmoid for one label and softmax for more. Returns any
/// other function unchanged.
v1::FunctionToApply ResolveFunction(v1::FunctionToApply function, const checkpoint::ModelConfig& config);

/// Turns finite `logits` [labels] into scores in place by a resolved function. Softmax subtracts the largest logit
/// first.
void ApplyFunction(v1::FunctionToApply function, absl::Span<float> logits);

/// Fills label, index, score and scores (best first, ties by index; at most `top_k`) from `scores` [labels].
void FillScores(absl::Span<const float> scores, const checkpoint::ModelConfig& config, std::optional<size_t> top_k,
                v1::Classification* classification);

/// Fills the number of tokens and what was truncated.
void FillTokens(const tokenizer::Encoding& encoding, v1::Classification* classification);

/// Fills the classifications of a call whose job has run, from its logits.
void FillClassifications(const checkpoint::ModelConfig& config, ClassifyCall& call);

/// Writes the time of each phase, and their total.
void FillPhases(const std::array<int64_t, call::kPhases>& spent_ns, v1::Phases* phases);

/// Writes code and message.
void FillStatus(const absl::Status& status, google::rpc::Status* written);

}  // namespace roberta::service
