#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/service/parts.h"
#include "server/service/tokenization.h"
#include "server/service/unary_call.h"
#include "server/transport/translation.h"
#include "tei/v1/tei.pb.h"

// The API of text-embeddings-inference, whatever carries it. Texts go through the same calls as those of Classify and
// Tokenize, so that scores are the same to the bit. Nothing here blocks; any thread may call.
namespace roberta::transport {

/// What the compatible APIs report about a server, beyond what its parts know.
struct ServerFacts {
  std::string version;
  std::string revision;  ///< of the source
  uint32_t max_concurrent_calls = 0;
  uint32_t max_batch_tokens = 0;
  uint32_t tokenizer_workers = 0;
};

/// The model and the limits of a server.
tei::v1::InfoResponse MakeInfo(const service::Parts& parts, const ServerFacts& facts);

/// Moves one text, or a text and its pair, into a new item of `*request`. `field` is their path: "inputs[3]". Failure
/// reason: kBadField for another number of texts.
absl::Status AddInputs(google::protobuf::RepeatedPtrField<std::string>* inputs, const std::string& field,
                       internal::RawClassifyRequest* request, std::vector<service::FieldProblem>* problems);

/// Sets what the fields of those names in a Predict request ask for. Failure reason: kBadField for an unknown
/// direction.
absl::Status SetPredictSettings(const internal::RawPredictRequest& settings, internal::RawClassifyRequest* request,
                                std::vector<service::FieldProblem>* problems);

/// The predictions for a text, the highest score first.
void FillPredictions(const v1::Classification& classification,
                     google::protobuf::RepeatedPtrField<tei::v1::Prediction>* predictions);

/// Predict and PredictPair.
class PredictTranslation {
 public:
  using Call = service::ClassifyCall;
  using Response = tei::v1::PredictResponse;

  /// Of a pair, all `inputs` count; else the last one.
  explicit PredictTranslation(bool is_pair, v1::Priority priority = v1::PRIORITY_NORMAL)
      : is_pair_(is_pair), priority_(priority) {}

  internal::RawPredictRequest* request(Call* /*call*/) { return &request_; }
  absl::Status Begin(Call* call);
  const Response* End(service::CallOutcome& outcome, Response* storage) const;

 private:
  const bool is_pair_;
  const v1::Priority priority_;
  internal::RawPredictRequest request_;
  size_t characters_ = 0;
};

/// The tokens of `text`, which is that of `tokenized.encodings[index]`, with or without those that do not come from it.
void FillTokens(const tokenizer::Tokenizer& tokenizer, std::string_view text, const service::TokenizedTexts& tokenized,
                size_t index, bool with_special, google::protobuf::RepeatedPtrField<tei::v1::SimpleToken>* tokens);

/// Tokenize.
class TokenizeTranslation {
 public:
  using Call = service::TokenizeCall;
  using Response = tei::v1::EncodeResponse;

  /// `registry` must outlive this.
  explicit TokenizeTranslation(const registry::Registry* registry) : registry_(registry) {}

  internal::RawEncodeRequest* request(Call* /*call*/) { return &request_; }
  absl::Status Begin(Call* call);
  const Response* End(service::Outcome<service::TokenizedTexts>& outcome, Response* storage) const;

 private:
  const registry::Registry* registry_;
  internal::RawEncodeRequest request_;  ///< without its text since Begin
  const Call* call_ = nullptr;
};

}  // namespace roberta::transport
