#include "server/transport/compatible_services.h"

#include "server/transport/oip.h"
#include "server/transport/unary_reactor.h"

namespace roberta::transport {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using security::Role;

namespace {

/// A method that is answered at once: `answer` makes an absl::StatusOr of a response.
template <typename Request, typename Answer>
auto AtOnce(const Gate& gate, Answer answer) {
  return [=](CallbackServerContext* context, const ByteBuffer* request, ByteBuffer* response) {
    return AnswerAtOnce<Request>(gate, context, *request, response, answer);
  };
}

/// A unary method that is a call of `service`, translated by copies of `translation`.
template <typename Translation, typename Service>
auto Translated(const Gate& gate, Translation translation, Service* service,
                void (Service::*start)(std::shared_ptr<typename Translation::Call>)) {
  return [=](CallbackServerContext* context, const ByteBuffer* request, ByteBuffer* response) {
    return StartTranslated(gate, translation, service, start, context, *request, response);
  };
}

/// A stream of such calls.
template <typename Translation, typename Service>
auto StreamOf(OpenStreams* open, const Gate& gate, Translation translation, Service* service,
              void (Service::*start)(std::shared_ptr<typename Translation::Call>)) {
  return [=](CallbackServerContext* context) {
    return new CallStream<Translation, Service>(open, gate, translation, service, start, context);
  };
}

}  // namespace

TeiService::TeiService(const CompatibleCore& core, OpenStreams* open) {
  const Gate metadata = {core.guard, Role::kMetadata}, infer = {core.guard, Role::kInference, core.load};
  AddUnary("/tei.v1.Info/Info",
           AtOnce<tei::v1::InfoRequest>(metadata, [core](const auto&) -> absl::StatusOr<tei::v1::InfoResponse> {
             return MakeInfo(*core.parts, core.facts);
           }));
  constexpr auto kClassify = &service::Classification::Start;
  AddUnary("/tei.v1.Predict/Predict", Translated(infer, PredictTranslation(false), core.classification, kClassify));
  AddUnary("/tei.v1.Predict/PredictPair", Translated(infer, PredictTranslation(true), core.classification, kClassify));
  AddStream("/tei.v1.Predict/PredictStream",
            StreamOf(open, infer, PredictTranslation(false, v1::PRIORITY_LOW), core.classification, kClassify));
  AddStream("/tei.v1.Predict/PredictPairStream",
            StreamOf(open, infer, PredictTranslation(true, v1::PRIORITY_LOW), core.classification, kClassify));
  const TokenizeTranslation tokenize(core.parts->registry);
  AddUnary("/tei.v1.Tokenize/Tokenize", Translated(infer, tokenize, core.tokenization, &service::Tokenization::Start));
  AddStream("/tei.v1.Tokenize/TokenizeStream",
            StreamOf(open, infer, tokenize, core.tokenization, &service::Tokenization::Start));
}

InferenceService::InferenceService(const CompatibleCore& core, OpenStreams* open) {
  const Gate none = {core.guard, Role::kNone}, metadata = {core.guard, Role::kMetadata};
  const Gate infer = {core.guard, Role::kInference, core.load}, admin = {core.guard, Role::kAdmin};
  const service::Parts* const parts = core.parts;
  AddUnary("/inference.GRPCInferenceService/ServerLive",
           AtOnce<inference::ServerLiveRequest>(none, [](const auto&) -> absl::StatusOr<inference::ServerLiveResponse> {
             inference::ServerLiveResponse response;
             response.set_live(true);
             return response;
           }));
  AddUnary("/inference.GRPCInferenceService/ServerReady",
           AtOnce<inference::ServerReadyRequest>(
               none, [parts](const auto&) -> absl::StatusOr<inference::ServerReadyResponse> {
                 inference::ServerReadyResponse response;
                 response.set_ready(IsServing(*parts));
                 return response;
               }));
  AddUnary("/inference.GRPCInferenceService/ServerMetadata",
           AtOnce<inference::ServerMetadataRequest>(
               metadata, [facts = core.facts](const auto&) -> absl::StatusOr<inference::ServerMetadataResponse> {
                 return ServerMetadata(facts);
               }));
  const auto about = [parts]<typename Request, typename Response>(
                         const Gate& gate, absl::StatusOr<Response> (*answer)(const service::Parts&, const Request&)) {
    return AtOnce<Request>(gate, [parts, answer](const Request& request) { return answer(*parts, request); });
  };
  AddUnary("/inference.GRPCInferenceService/ModelReady", about(none, &ModelReady));
  AddUnary("/inference.GRPCInferenceService/ModelMetadata", about(metadata, &ModelMetadata));
  AddUnary("/inference.GRPCInferenceService/ModelConfig", about(metadata, &ModelConfig));
  AddUnary("/inference.GRPCInferenceService/ModelStatistics", about(metadata, &ModelStatistics));
  AddUnary("/inference.GRPCInferenceService/RepositoryIndex", about(metadata, &RepositoryIndex));
  AddUnary("/inference.GRPCInferenceService/ModelInfer",
           Translated(infer, InferTranslation(parts), core.classification, &service::Classification::Start));
  AddStream("/inference.GRPCInferenceService/ModelStreamInfer",
            StreamOf(open, infer, StreamInferTranslation(parts), core.classification, &service::Classification::Start));
  AddUnary("/inference.GRPCInferenceService/RepositoryModelLoad",
           Translated(admin, ModelLoadTranslation(parts), core.administration, &service::ProfileAdministration::Load));
  AddUnary(
      "/inference.GRPCInferenceService/RepositoryModelUnload",
      Translated(admin, ModelUnloadTranslation(parts), core.administration, &service::ProfileAdministration::Unload));
}

CompatibleServices::CompatibleServices(const CompatibleCore& core)
    : tei_(core, &open_),
      inference_(core, &open_),
      reflection_(&open_, core.guard),
      unserved_(&core.parts->metrics->calls()) {}

void CompatibleServices::Register(grpc::ServerBuilder* builder) {
  builder->RegisterService(&tei_);
  builder->RegisterService(&inference_);
  builder->RegisterService(&reflection_);
  builder->RegisterCallbackGenericService(&unserved_);
}

}  // namespace roberta::transport
