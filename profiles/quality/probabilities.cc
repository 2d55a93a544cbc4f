#include "profiles/quality/probabilities.h"

#include <algorithm>
#include <cmath>

namespace roberta::quality {

ScoreFunction ScoreFunctionOf(const checkpoint::ModelConfig& config) {
  switch (config.problem_type) {
    case checkpoint::ProblemType::kRegression:
      return ScoreFunction::kNone;
    case checkpoint::ProblemType::kSingleLabel:
      return ScoreFunction::kSoftmax;
    case checkpoint::ProblemType::kMultiLabel:
      return ScoreFunction::kSigmoid;
    case checkpoint::ProblemType::kUnspecified:
      break;
  }
  return config.num_labels() == 1 ? ScoreFunction::kSigmoid : ScoreFunction::kSoftmax;
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

}  // namespace roberta::quality
