#include "server/transport/http_routes.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/transport/http_compatible.h"
#include "server/transport/openapi.h"
#include "server/transport/page.h"
#include "server/transport/proto_json.h"
#include "server/transport/translation.h"

namespace roberta::transport {
namespace {

using security::Role;

http::Response MessageResponse(const google::protobuf::Message& message) {
  std::string json;
  AppendMessageJson(message, &json);
  return JsonResponse(200, std::move(json));
}

/// Starts a call of our own API, whose request has the type Shape in public.
template <typename Shape, typename Call, typename Service>
void StartOwn(HttpCall&& from, Service* service, void (Service::*start)(std::shared_ptr<Call>)) {
  const auto read = [](const http::Request& request, Direct<Call>& /*direct*/, Call* call) -> absl::Status {
    nlohmann::json body;
    RETURN_IF_ERROR(ParseJsonObject(request.body, &body));
    RETURN_IF_ERROR(TakeTimeout(request, &body, call, &call->outcome.problems));
    return MessageFromJson(body, *Shape::descriptor(), &call->request, &call->outcome.problems);
  };
  StartHttpCall(std::move(from), Direct<Call>(), service, start, read,
                [](const typename Call::Response& message, Direct<Call>&) { return MessageResponse(message); });
}

void Classify(const HttpServices& services, HttpCall&& call) {
  StartOwn<v1::ClassifyRequest>(std::move(call), services.classification, &service::Classification::Start);
}

void Compare(const HttpServices& services, HttpCall&& call) {
  StartOwn<v1::CompareRequest>(std::move(call), services.comparison, &service::Comparison::Start);
}

void ListProfiles(const HttpServices& services, HttpCall&& call) {
  const auto list = services.administration->List(call.status, call.head);
  Reply(std::move(call), list.ok() ? MessageResponse(*list) : http::Response());
}

/// Starts a call about the profile that the path names.
template <typename Call>
void StartOfProfile(const HttpServices& services, HttpCall&& from,
                    void (service::ProfileAdministration::*start)(std::shared_ptr<Call>)) {
  const std::string name = from.path.front();
  const auto read = [name](const http::Request& request, Direct<Call>& /*direct*/, Call* call) -> absl::Status {
    call->request.set_name(name);
    if (request.body.empty()) return absl::OkStatus();
    nlohmann::json body;
    RETURN_IF_ERROR(ParseJsonObject(request.body, &body));
    if (body.empty()) return absl::OkStatus();
    return FieldError(body.begin().key(), "unknown field; the path names the profile", &call->outcome.problems);
  };
  StartHttpCall(std::move(from), Direct<Call>(), services.administration, start, read,
                [](const typename Call::Response& message, Direct<Call>&) { return MessageResponse(message); });
}

void Load(const HttpServices& services, HttpCall&& call) {
  StartOfProfile<service::LoadCall>(services, std::move(call), &service::ProfileAdministration::Load);
}
void Unload(const HttpServices& services, HttpCall&& call) {
  StartOfProfile<service::UnloadCall>(services, std::move(call), &service::ProfileAdministration::Unload);
}
void SetDefault(const HttpServices& services, HttpCall&& call) {
  StartOfProfile<service::SetDefaultCall>(services, std::move(call), &service::ProfileAdministration::SetDefault);
}

/// A page of the metrics' server at the same path.
void Page(const HttpServices& services, HttpCall&& call) {
  if (!call.status.ok()) return Reply(std::move(call), {});
  auto responder = std::make_shared<http::Responder>(std::move(call.responder));
  services.page(call.request.path, [responder](http::Response response) {
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    responder->Respond(std::move(response));
  });
}

void OpenApi(const HttpServices& /*services*/, HttpCall&& call) {
  Reply(std::move(call), JsonResponse(200, std::string(OpenApiJson())));
}

struct PageFile {
  std::string_view path, content_type, text;
};
constexpr PageFile kPageFiles[] = {{"/", "text/html; charset=utf-8", kIndexHtml},
                                   {"/page.css", "text/css; charset=utf-8", kPageCss},
                                   {"/page.js", "text/javascript; charset=utf-8", kPageJs}};
/// The page loads its own files and asks this server, and can do nothing else, whatever a text or a model has in it.
constexpr char kPagePolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

void ServePage(const HttpServices& /*services*/, HttpCall&& call) {
  const PageFile* const file = std::ranges::find(kPageFiles, call.request.path, &PageFile::path);
  Reply(std::move(call), {.content_type = std::string(file->content_type),
                          .body = std::string(file->text),
                          .headers = {{"Cache-Control", "no-cache"},
                                      {"Content-Security-Policy", kPagePolicy},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"}}});
}

constexpr HttpRoute kRoutes[] = {
    {"GET", "/", Role::kNone, ServePage},
    {"GET", "/page.css", Role::kNone, ServePage},
    {"GET", "/page.js", Role::kNone, ServePage},
    {"POST", "/v1/classify", Role::kInference, Classify},
    {"POST", "/v1/compare", Role::kInference, Compare},
    {"GET", "/v1/profiles", Role::kMetadata, ListProfiles},
    {"POST", "/v1/profiles/{name}:load", Role::kAdmin, Load},
    {"POST", "/v1/profiles/{name}:unload", Role::kAdmin, Unload},
    {"POST", "/v1/profiles/{name}:setDefault", Role::kAdmin, SetDefault},
    {"POST", "/predict", Role::kInference, Predict},
    {"POST", "/tokenize", Role::kInference, Tokenize},
    {"GET", "/info", Role::kMetadata, Info},
    {"GET", "/health", Role::kNone, Health},
    {"GET", "/v2", Role::kMetadata, ServerMetadataPage},
    {"GET", "/v2/health/live", Role::kNone, ServerLivePage},
    {"GET", "/v2/health/ready", Role::kNone, ServerReadyPage},
    {"GET", "/v2/models/stats", Role::kMetadata, ModelStatisticsPage},
    {"GET", "/v2/models/{model}", Role::kMetadata, ModelMetadataPage},
    {"GET", "/v2/models/{model}/ready", Role::kNone, ModelReadyPage},
    {"GET", "/v2/models/{model}/config", Role::kMetadata, ModelConfigPage},
    {"GET", "/v2/models/{model}/stats", Role::kMetadata, ModelStatisticsPage},
    {"POST", "/v2/models/{model}/infer", Role::kInference, Infer},
    {"GET", "/v2/models/{model}/versions/{version}", Role::kMetadata, ModelMetadataPage},
    {"GET", "/v2/models/{model}/versions/{version}/ready", Role::kNone, ModelReadyPage},
    {"GET", "/v2/models/{model}/versions/{version}/config", Role::kMetadata, ModelConfigPage},
    {"GET", "/v2/models/{model}/versions/{version}/stats", Role::kMetadata, ModelStatisticsPage},
    {"POST", "/v2/models/{model}/versions/{version}/infer", Role::kInference, Infer},
    {"POST", "/v2/repository/index", Role::kMetadata, RepositoryIndexPage},
    {"POST", "/v2/repository/models/{model}/load", Role::kAdmin, LoadModel},
    {"POST", "/v2/repository/models/{model}/unload", Role::kAdmin, UnloadModel},
    {"GET", "/openapi.json", Role::kNone, OpenApi},
    {"GET", "/metrics", Role::kMetadata, Page},
    {"GET", "/healthz", Role::kNone, Page},
    {"GET", "/readyz", Role::kNone, Page},
};

/// The first segment of `*path`, which begins with a slash; removes both.
std::string_view TakeSegment(std::string_view* path) {
  path->remove_prefix(1);
  const std::string_view segment = path->substr(0, path->find('/'));
  path->remove_prefix(segment.size());
  return segment;
}

/// Whether `path` matches the pattern; then appends what its placeholders stand for, still encoded.
bool Matches(std::string_view pattern, std::string_view path, std::vector<std::string_view>* found) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = TakeSegment(&pattern);
    std::string_view segment = TakeSegment(&path);
    if (!wanted.starts_with('{')) {
      if (wanted != segment) return false;
      continue;
    }
    const std::string_view suffix = wanted.substr(wanted.find('}') + 1);
    if (!segment.ends_with(suffix) || segment.size() == suffix.size()) return false;
    segment.remove_suffix(suffix.size());
    found->push_back(segment);
  }
  return pattern.empty() && path.empty();
}

/// The route for a request, and what its placeholders stand for. Fills `*allowed` with the methods of the path.
const HttpRoute* FindRoute(const http::Request& request, std::vector<std::string_view>* found,
                           std::vector<std::string>* allowed) {
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const HttpRoute& route : kRoutes) {
    found->clear();
    if (!Matches(route.path, request.path, found)) continue;
    if (route.method == method) return &route;
    allowed->emplace_back(route.method);
    if (route.method == "GET") allowed->emplace_back("HEAD");
  }
  return nullptr;
}

/// Whether a page of another origin made a browser send this. Only reading is harmless, as the answer is not shown to
/// that page.
bool IsFromAnotherOrigin(const http::Request& request) {
  const auto origin = request.Header("origin");
  const auto host = request.Header("host");
  if (!origin) return false;
  const size_t scheme = origin->find("://");
  return !host || scheme == std::string_view::npos || origin->substr(scheme + 3) != *host;
}

/// A body may be JSON, or not say what it is; browsers say so of what they send without asking first.
bool IsContentTypeKnown(const http::Request& request) {
  const auto type = request.Header("content-type");
  if (!type || request.body.empty()) return true;
  const std::string_view media = type->substr(0, type->find(';'));
  for (const std::string_view known : {"application/json", "application/octet-stream"}) {
    if (media.size() >= known.size() && media.substr(known.size()).find_first_not_of(' ') == std::string_view::npos &&
        std::equal(known.begin(), known.end(), media.begin(),
                   [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 'a' - 'A' : b); })) {
      return true;
    }
  }
  return false;
}

/// Why there is no route; nullopt if there is one.
std::optional<http::Response> NoRoute(const http::Request& request, const HttpRoute* route,
                                      const std::vector<std::string>& allowed) {
  if (route == nullptr && allowed.empty()) {
    return ErrorResponse(404, "not_found", "nothing is served at this path; GET /openapi.json lists what is");
  }
  if (route == nullptr) {
    http::Response response = ErrorResponse(
        405, "method_not_allowed", absl::StrCat("this path is served for ", absl::StrJoin(allowed, ", "), " only"));
    response.headers.emplace_back("Allow", absl::StrJoin(allowed, ", "));
    return response;
  }
  if (route->method != "GET" && IsFromAnotherOrigin(request)) {
    return ErrorResponse(403, "other_origin", "the request comes from a page of another origin");
  }
  if (!IsContentTypeKnown(request) || request.Header("content-encoding").value_or("identity") != "identity") {
    return ErrorResponse(415, "unsupported_media_type",
                         "the body must be application/json, without a content encoding");
  }
  return std::nullopt;
}

}  // namespace

std::span<const HttpRoute> HttpRoutes() {
  return kRoutes;
}

void AnswerHttp(const HttpServices& services, http::Request request, http::Responder responder) {
  std::vector<std::string_view> found;
  std::vector<std::string> allowed;
  const HttpRoute* const route = FindRoute(request, &found, &allowed);
  if (auto refusal = NoRoute(request, route, allowed)) return responder.Respond(*std::move(refusal));
  HttpCall call = {.request = {}, .responder = std::move(responder)};
  call.status = ReadHttpHead(request, &call.head);
  for (const std::string_view part : found) {
    auto decoded = http::PercentDecoded(part);
    if (!decoded) {
      call.status = call::MakeStatus(call::FailureReason::kBadField, "the path: % without two hex digits after it");
    }
    call.path.push_back(std::move(decoded).value_or(""));
  }
  if (services.authorize) {
    Admission admission = services.authorize(request, route->role, &call.head);
    if (!admission.status.ok()) call.status = std::move(admission.status);
    call.delay = admission.delay;
    call.kept = std::move(admission.kept);
  }
  call.request = std::move(request);
  const size_t bytes = call.request.body.size();
  if (!call.status.ok() || services.large_bodies == nullptr || bytes <= LargeBodies::kMostSmallBytes) {
    return route->answer(services, std::move(call));
  }
  const auto later = std::make_shared<HttpCall>(std::move(call));
  absl::Status taken = services.large_bodies->Run(
      later->request.peer, bytes, [&services, route, later] { route->answer(services, std::move(*later)); });
  if (taken.ok()) return;
  later->status = std::move(taken);
  route->answer(services, std::move(*later));
}

http::Response TransportError(unsigned status, std::string_view sentence) {
  constexpr std::pair<unsigned, const char*> kTypes[] = {
      {408, "request_timeout"}, {413, "body_too_large"},   {417, "unknown_expectation"}, {421, "other_host"},
      {431, "head_too_large"},  {501, "unknown_encoding"}, {503, "too_many_bodies"}};
  const auto type =
      std::find_if(std::begin(kTypes), std::end(kTypes), [=](const auto& row) { return row.first == status; });
  return ErrorResponse(status, type == std::end(kTypes) ? "malformed_request" : type->second, sentence);
}

std::string_view OpenApiJson() {
  return kOpenApi;
}

}  // namespace roberta::transport
