#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "server/transport/http_compatible.h"
#include "server/transport/oip.h"
#include "server/transport/proto_json.h"

namespace roberta::transport {

using Json = nlohmann::json;
using Problems = std::vector<service::FieldProblem>;

namespace {

/// The path's model and version, if it has them.
template <typename Request>
Request OfPath(const HttpCall& call) {
  Request request;
  if (!call.path.empty()) request.set_name(call.path[0]);
  if (call.path.size() > 1) request.set_version(call.path[1]);
  return request;
}

/// Answers at once with a message, or with why there is none.
template <typename Message>
void ReplyWith(HttpCall&& call, const absl::StatusOr<Message>& message) {
  if (!message.ok()) return Reply(std::move(call), ErrorResponse(message.status(), {}));
  std::string json;
  AppendMessageJson(*message, &json, JsonStyle::kPlain);
  Reply(std::move(call), JsonResponse(200, std::move(json)));
}

void ReplyReady(HttpCall&& call, bool ready) {
  Reply(std::move(call), ready ? JsonResponse(200, "{}") : ErrorResponse(503, "not_ready", "it is not ready"));
}

/// Starts a load or an unload of the profile that a model stands for.
template <typename Translation>
void StartOfModel(const HttpServices& services, HttpCall&& from,
                  void (service::ProfileAdministration::*start)(std::shared_ptr<typename Translation::Call>)) {
  const std::string model = from.path.front();
  const auto read = [model](const http::Request& request, Translation& translation, auto* call) -> absl::Status {
    auto* message = translation.request(call);
    message->set_model_name(model);
    if (request.body.empty()) return absl::OkStatus();
    Json body;
    RETURN_IF_ERROR(ParseJsonObject(request.body, &body));
    for (const auto& [name, value] : body.items()) {
      if (name != "parameters" || !value.is_object()) {
        return FieldError(json::Escaped(name), "unknown field, or not an object", &call->outcome.problems);
      }
      // What they are is looked at, but not what they say.
      for (const auto& [parameter, ignored] : value.items()) (*message->mutable_parameters())[parameter];
    }
    return absl::OkStatus();
  };
  StartHttpCall(std::move(from), Translation(services.parts), services.administration, start, read,
                [](const typename Translation::Response&, Translation&) { return JsonResponse(200, "{}"); });
}

}  // namespace

void LoadModel(const HttpServices& services, HttpCall&& call) {
  StartOfModel<ModelLoadTranslation>(services, std::move(call), &service::ProfileAdministration::Load);
}

void UnloadModel(const HttpServices& services, HttpCall&& call) {
  StartOfModel<ModelUnloadTranslation>(services, std::move(call), &service::ProfileAdministration::Unload);
}

void RepositoryIndexPage(const HttpServices& services, HttpCall&& call) {
  inference::RepositoryIndexRequest request;
  Json body = Json::object();
  Problems problems;
  if (call.status.ok() && !call.request.body.empty()) call.status = ParseJsonObject(call.request.body, &body);
  if (call.status.ok()) {
    call.status = MessageFromJson(body, *inference::RepositoryIndexRequest::descriptor(), &request, &problems);
  }
  const auto index = RepositoryIndex(*services.parts, request);
  if (!index.ok()) return ReplyWith(std::move(call), index);
  std::string json;
  const char* separator = "[";
  for (const auto& model : index->models()) {
    json.append(std::exchange(separator, ","));
    AppendMessageJson(model, &json, JsonStyle::kPlain);
  }
  Reply(std::move(call), JsonResponse(200, json.append(*separator == '[' ? "[]" : "]")));
}

void ServerMetadataPage(const HttpServices& services, HttpCall&& call) {
  inference::ServerMetadataResponse metadata = ServerMetadata(services.facts);
  metadata.add_extensions("binary_tensor_data");
  ReplyWith<inference::ServerMetadataResponse>(std::move(call), metadata);
}

void ServerLivePage(const HttpServices& /*services*/, HttpCall&& call) {
  ReplyReady(std::move(call), true);
}

void ServerReadyPage(const HttpServices& services, HttpCall&& call) {
  ReplyReady(std::move(call), IsServing(*services.parts));
}

void ModelMetadataPage(const HttpServices& services, HttpCall&& call) {
  const auto answer = ModelMetadata(*services.parts, OfPath<inference::ModelMetadataRequest>(call));
  ReplyWith(std::move(call), answer);
}

void ModelReadyPage(const HttpServices& services, HttpCall&& call) {
  const auto answer = ModelReady(*services.parts, OfPath<inference::ModelReadyRequest>(call));
  if (!answer.ok()) return ReplyWith(std::move(call), answer);
  ReplyReady(std::move(call), answer->ready());
}

void ModelConfigPage(const HttpServices& services, HttpCall&& call) {
  const auto answer = ModelConfig(*services.parts, OfPath<inference::ModelConfigRequest>(call));
  if (!answer.ok()) return ReplyWith(std::move(call), answer);
  ReplyWith<inference::ModelConfig>(std::move(call), answer->config());
}

void ModelStatisticsPage(const HttpServices& services, HttpCall&& call) {
  const auto answer = ModelStatistics(*services.parts, OfPath<inference::ModelStatisticsRequest>(call));
  ReplyWith(std::move(call), answer);
}

}  // namespace roberta::transport
