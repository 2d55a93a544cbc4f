#include "server/service/response.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "profiles/quality/agreement.h"

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

void FillTokens(const tokenizer::Encoding& encoding, v1::Classification* classification) {
  classification->set_token_count(static_cast<uint32_t>(encoding.ids.size()));
  classification->set_truncated(encoding.tokens_dropped > 0);
  classification->set_tokens_dropped(static_cast<uint32_t>(encoding.tokens_dropped));
}

void FillClassifications(const checkpoint::ModelConfig& config, ClassifyCall& call) {
  const auto labels = static_cast<size_t>(config.num_labels());
  const v1::FunctionToApply function = ResolveFunction(call.settings.function, config);
  std::vector<float> scores;
  for (size_t i = 0; i < call.item_of.size(); ++i) {
    v1::ItemResult* result = call.outcome.response.mutable_results(call.item_of[i]);
    if (!result->has_classification()) continue;  // its logits failed
    const absl::Span<const float> logits = absl::MakeConstSpan(call.job.outputs).subspan(i * labels, labels);
    v1::Classification* classification = result->mutable_classification();
    if (call.settings.return_logits) classification->mutable_logits()->Add(logits.begin(), logits.end());
    scores.assign(logits.begin(), logits.end());
    ApplyFunction(function, absl::MakeSpan(scores));
    FillScores(scores, config, call.settings.top_k, classification);
  }
}

void FillPhases(const std::array<int64_t, call::kPhases>& spent_ns, v1::Phases* phases) {
  const auto [tokenize, queue, form, infer, post] = spent_ns;
  phases->set_tokenize_ns(tokenize);
  phases->set_queue_ns(queue);
  phases->set_form_ns(form);
  phases->set_infer_ns(infer);
  phases->set_post_ns(post);
  phases->set_total_ns(tokenize + queue + form + infer + post);
}

void FillStatus(const absl::Status& status, google::rpc::Status* written) {
  written->set_code(static_cast<int32_t>(status.code()));
  written->set_message(std::string(status.message()));
}

}  // namespace roberta::service
