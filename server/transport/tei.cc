#include "server/transport/tei.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::transport {

tei::v1::InfoResponse MakeInfo(const service::Parts& parts, const ServerFacts& facts) {
  const checkpoint::Checkpoint& checkpoint = parts.registry->checkpoint();
  tei::v1::InfoResponse info;
  info.set_version(facts.version);
  if (!facts.revision.empty()) info.set_sha(facts.revision);
  info.set_model_id(parts.model_name);
  info.set_model_sha(checkpoint.revision());
  const auto status = parts.registry->StatusOf(parts.registry->default_profile());
  if (status.ok()) info.set_model_dtype(status->description.precision);
  info.set_model_type(tei::v1::MODEL_TYPE_CLASSIFIER);
  info.set_max_concurrent_requests(facts.max_concurrent_calls);
  info.set_max_input_length(static_cast<uint32_t>(checkpoint.config().max_tokens()));
  info.set_max_batch_tokens(facts.max_batch_tokens);
  info.set_max_client_batch_size(static_cast<uint32_t>(parts.limits.max_items));
  info.set_tokenization_workers(facts.tokenizer_workers);
  return info;
}

absl::Status AddInputs(google::protobuf::RepeatedPtrField<std::string>* inputs, const std::string& field,
                       internal::RawClassifyRequest* request, std::vector<service::FieldProblem>* problems) {
  if (inputs->empty() || inputs->size() > 2) {
    return FieldError(field, absl::StrCat(inputs->size(), " texts; a text has one, or a pair two"), problems);
  }
  internal::RawItem* item = request->add_items();
  item->set_text(std::move(*inputs->Mutable(0)));
  if (inputs->size() == 2) item->set_text_pair(std::move(*inputs->Mutable(1)));
  return absl::OkStatus();
}

absl::Status SetPredictSettings(const internal::RawPredictRequest& settings, internal::RawClassifyRequest* request,
                                std::vector<service::FieldProblem>* problems) {
  const int32_t direction = settings.truncation_direction();
  if (!tei::v1::TruncationDirection_IsValid(direction)) {
    return FieldError("truncation_direction", absl::StrCat("unknown value ", direction), problems);
  }
  const bool left = direction == tei::v1::TRUNCATION_DIRECTION_LEFT;
  if (settings.truncate()) request->set_truncation(left ? v1::TRUNCATION_LEFT : v1::TRUNCATION_RIGHT);
  if (settings.raw_scores()) request->set_function_to_apply(v1::FUNCTION_NONE);
  return absl::OkStatus();
}

void FillPredictions(const v1::Classification& classification,
                     google::protobuf::RepeatedPtrField<tei::v1::Prediction>* predictions) {
  predictions->Reserve(classification.scores_size());
  for (const v1::Score& score : classification.scores()) {
    tei::v1::Prediction* prediction = predictions->Add();
    prediction->set_label(score.label());
    prediction->set_score(score.score());
  }
}

absl::Status PredictTranslation::Begin(Call* call) {
  auto* inputs = request_.mutable_inputs();
  if (!is_pair_ && inputs->empty()) inputs->Add();  // an empty text is not sent
  if (!is_pair_ && inputs->size() > 1) inputs->DeleteSubrange(0, inputs->size() - 1);
  for (const std::string& text : *inputs) characters_ += tokenizer::CountCodePoints(text);
  call->request.set_priority(priority_);
  std::vector<service::FieldProblem>* problems = &call->outcome.problems;
  RETURN_IF_ERROR(SetPredictSettings(request_, &call->request, problems));
  return AddInputs(inputs, "inputs", &call->request, problems);
}

const PredictTranslation::Response* PredictTranslation::End(service::CallOutcome& outcome, Response* storage) const {
  if (!outcome.status.ok()) {
    const auto name = [this](const std::string& field) -> std::string {
      const auto item = ParseItemField(field);
      if (!item) return field;
      return !is_pair_ ? "inputs" : item->is_pair ? "inputs[1]" : "inputs[0]";
    };
    RenameFields(name, &outcome.status, &outcome.problems);
    return storage;
  }
  const v1::Classification& classification = outcome.response.results(0).classification();
  FillPredictions(classification, storage->mutable_predictions());
  tei::v1::Metadata* metadata = storage->mutable_metadata();
  metadata->set_compute_chars(static_cast<uint32_t>(characters_));
  metadata->set_compute_tokens(classification.token_count());
  const v1::Phases& phases = outcome.response.phases();
  metadata->set_total_time_ns(static_cast<uint64_t>(phases.total_ns()));
  metadata->set_tokenization_time_ns(static_cast<uint64_t>(phases.tokenize_ns()));
  metadata->set_queue_time_ns(static_cast<uint64_t>(phases.queue_ns()));
  metadata->set_inference_time_ns(static_cast<uint64_t>(phases.infer_ns()));
  return storage;
}

absl::Status TokenizeTranslation::Begin(Call* call) {
  if (request_.has_prompt_name()) {
    return FieldError("prompt_name", absl::StrCat(service::Quote(request_.prompt_name()), "; the model has no prompts"),
                      &call->outcome.problems);
  }
  call->request.add_items()->set_text(std::move(*request_.mutable_inputs()));
  call_ = call;
  return absl::OkStatus();
}

const TokenizeTranslation::Response* TokenizeTranslation::End(service::Outcome<service::TokenizedTexts>& outcome,
                                                              Response* storage) const {
  if (!outcome.status.ok()) {
    const auto name = [](const std::string& field) { return ParseItemField(field) ? "inputs" : field; };
    RenameFields(name, &outcome.status, &outcome.problems);
    return storage;
  }
  FillTokens(registry_->tokenizer(), call_->request.items(0).text(), outcome.response, 0, request_.add_special_tokens(),
             storage->mutable_tokens());
  return storage;
}

void FillTokens(const tokenizer::Tokenizer& tokenizer, std::string_view text, const service::TokenizedTexts& tokenized,
                size_t index, bool with_special, google::protobuf::RepeatedPtrField<tei::v1::SimpleToken>* tokens) {
  std::vector<uint32_t> byte_of;  // [code points + 1]
  for (uint32_t byte = 0; byte < text.size(); ++byte) {
    if (!tokenizer::IsContinuationByte(text[byte])) byte_of.push_back(byte);
  }
  byte_of.push_back(static_cast<uint32_t>(text.size()));
  const tokenizer::Encoding& encoding = tokenized.encodings[index];
  const size_t count = encoding.ids.size();
  for (size_t i = 0; i < count; ++i) {
    const bool special = i < tokenized.leading_special || i + tokenized.trailing_special >= count;
    if (special && !with_special) continue;
    tei::v1::SimpleToken* token = tokens->Add();
    token->set_id(static_cast<uint32_t>(encoding.ids[i]));
    token->set_special(special);
    if (special) {
      token->set_text(std::string(tokenizer.TokenText(encoding.ids[i])));
      continue;
    }
    const auto [begin, end] = encoding.offsets[i];
    token->set_start(byte_of[begin]);
    token->set_stop(byte_of[end]);
    token->set_text(std::string(text.substr(byte_of[begin], byte_of[end] - byte_of[begin])));
  }
}

}  // namespace roberta::transport
