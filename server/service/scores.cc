#include "server/service/scores.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "profiles/quality/probabilities.h"

namespace roberta::service {

v1::FunctionToApply ResolveFunction(v1::FunctionToApply function, const checkpoint::ModelConfig& config) {
  if (function != v1::FUNCTION_AUTO) return function;
  switch (quality::ScoreFunctionOf(config)) {
    case quality::ScoreFunction::kSigmoid:
      return v1::FUNCTION_SIGMOID;
    case quality::ScoreFunction::kSoftmax:
      return v1::FUNCTION_SOFTMAX;
    case quality::ScoreFunction::kNone:
      break;
  }
  return v1::FUNCTION_NONE;
}

void ApplyFunction(v1::FunctionToApply function, absl::Span<float> logits) {
  if (function == v1::FUNCTION_SIGMOID) {
    quality::ApplyScoreFunction(quality::ScoreFunction::kSigmoid, logits);
  } else if (function == v1::FUNCTION_SOFTMAX) {
    quality::ApplyScoreFunction(quality::ScoreFunction::kSoftmax, logits);
  }
}

void FillScores(absl::Span<const float> scores, const checkpoint::ModelConfig& config, std::optional<size_t> top_k,
                v1::Classification* classification) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t kept = std::min(top_k.value_or(scores.size()), scores.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](size_t a, size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
  for (size_t i = 0; i < kept; ++i) {
    v1::Score* score = classification->add_scores();
    score->set_label(config.labels[order[i]]);
    score->set_index(static_cast<int32_t>(order[i]));
    score->set_score(scores[order[i]]);
  }
  classification->set_label(config.labels[order[0]]);
  classification->set_index(static_cast<int32_t>(order[0]));
  classification->set_score(scores[order[0]]);
}

}  // namespace roberta::service
