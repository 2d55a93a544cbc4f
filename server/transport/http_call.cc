#include "server/transport/http_call.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "server/call/authorization.h"
#include "server/call/failure_reason.h"
#include "server/request_log/request_log.h"
#include "server/transport/proto_json.h"
#include "server/transport/translation.h"

namespace roberta::transport {
namespace {

using std::chrono::nanoseconds;

constexpr double kLongestTimeoutMs = 1e9;  // some days; more is as good as none
constexpr size_t kMostListedProblems = 100;

/// Of what could be wrong before the service is asked.
absl::Status BadHead(const std::string& what) {
  return call::MakeStatus(call::FailureReason::kBadField, what);
}

/// The value of a header grpc-timeout, "100m": at most eight digits and a unit
/// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
std::optional<double> GrpcTimeoutMs(std::string_view text) {
  constexpr size_t kMostDigits = 8;
  constexpr std::pair<char, double> kUnits[] = {{'H', 3600e3}, {'M', 60e3}, {'S', 1e3},
                                                {'m', 1},      {'u', 1e-3}, {'n', 1e-6}};
  uint32_t number = 0;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const char* const unit = text.data() + text.size() - 1;
  if (std::from_chars(text.data(), unit, number).ptr != unit) return std::nullopt;
  for (const auto& [letter, milliseconds] : kUnits) {
    if (*unit == letter) return number * milliseconds;
  }
  return std::nullopt;
}

/// The parameter `name` of a query, as it came; nullopt if it is not there.
std::optional<std::string_view> Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (part.substr(0, part.find('=')) == name) return part.substr(std::min(name.size() + 1, part.size()));
  }
  return std::nullopt;
}

void AddStandardHeaders(http::Response* response) {
  constexpr std::pair<const char*, const char*> kHeaders[] = {
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"}};
  for (const auto& [name, value] : kHeaders) response->headers.emplace_back(name, value);
}

}  // namespace

Authorize AuthorizeBy(const security::Guard* guard) {
  return [guard](const http::Request& request, security::Role needed, call::Head* head) -> Admission {
    security::Presented presented;
    for (const auto& [name, value] : request.headers) {
      if (name == "authorization") presented.authorization = request.Header(name).value_or("");  // not one: malformed
    }
    presented.has_certificate = !request.certificate_names.empty();
    presented.identities.assign(request.certificate_names.begin(), request.certificate_names.end());
    Admission admission = {.status = call::Authorize(*guard, presented, needed, head)};
    if (!absl::IsUnauthenticated(admission.status)) return admission;
    security::Delay delay = guard->TakeDelay(request.peer);
    admission.delay = delay.length;
    admission.kept = std::move(delay.place);
    return admission;
  };
}

unsigned HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;  // nobody is there to read it
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

void ShortenDeadline(const http::Request& request, double milliseconds, call::Head* head) {
  if (milliseconds > kLongestTimeoutMs) return;
  // The clock of deadlines is another one than that of arrivals.
  const auto left = request.arrival - std::chrono::steady_clock::now() +
                    std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double, std::milli>(milliseconds));
  head->deadline = std::min(head->deadline, std::chrono::system_clock::now() + left);
}

absl::Status ReadHttpHead(const http::Request& request, call::Head* head) {
  head->identity = call::MakeIdentity(request.Header("x-request-id"), request.Header("traceparent"));
  for (const auto& [name, value] : request.headers) {
    if (name != "x-profile") continue;
    head->metadata_profile = value;
    break;
  }
  for (const auto& [name, value] : request.headers) {
    if (name != "grpc-timeout") continue;
    const auto timeout = GrpcTimeoutMs(value);
    if (!timeout) return BadHead("grpc-timeout: not one to eight digits and one of H, M, S, m, u and n");
    ShortenDeadline(request, *timeout, head);
  }
  const auto parameter = Parameter(request.query, "timeout_ms");
  if (!parameter) return absl::OkStatus();
  double timeout = 0;
  const char* const end = parameter->data() + parameter->size();
  const auto [parsed, error] = std::from_chars(parameter->data(), end, timeout);
  if (error != std::errc() || parsed != end || !(timeout >= 0) || !std::isfinite(timeout)) {
    return BadHead("timeout_ms: not a number of milliseconds");
  }
  ShortenDeadline(request, timeout, head);
  return absl::OkStatus();
}

absl::Status TakeTimeout(const http::Request& request, nlohmann::json* body, call::Head* head,
                         std::vector<service::FieldProblem>* problems) {
  const auto member = body->find("timeout_ms");
  if (member == body->end()) return absl::OkStatus();
  if (!member->is_number() || !(member->get<double>() >= 0)) {
    return FieldError("timeout_ms", "not a number of milliseconds", problems);
  }
  ShortenDeadline(request, member->get<double>(), head);
  body->erase(member);
  return absl::OkStatus();
}

http::Response JsonResponse(unsigned status, std::string body) {
  http::Response response = {.status = status, .content_type = "application/json", .body = std::move(body)};
  AddStandardHeaders(&response);
  return response;
}

http::Response ErrorResponse(const absl::Status& status, const std::vector<service::FieldProblem>& problems) {
  std::string json = "{\"error\":";
  AppendJson(std::string(status.message()), &json);
  json.append(",\"error_type\":");
  const std::string_view reason = call::ReasonOf(status);
  AppendJson(reason.empty() ? "internal" : reason, &json);
  if (!problems.empty()) {
    json.append(",\"field_violations\":[");
    for (size_t i = 0; i < std::min(problems.size(), kMostListedProblems); ++i) {
      json.append(i > 0 ? ",{\"field\":" : "{\"field\":");
      AppendJson(problems[i].field, &json);
      json.append(",\"description\":");
      AppendJson(std::string(problems[i].status.message()), &json);
      json.append("}");
    }
    json.append("]");
    if (problems.size() > kMostListedProblems) {
      absl::StrAppend(&json, ",\"more_violations\":", problems.size() - kMostListedProblems);
    }
  }
  const auto retry_delay = call::RetryDelayOf(status);
  if (retry_delay) absl::StrAppend(&json, ",\"retry_after_ms\":", retry_delay->count());
  http::Response response = JsonResponse(HttpStatusOf(status), json.append("}"));
  if (retry_delay) {
    response.headers.emplace_back("Retry-After",
                                  absl::StrCat(std::chrono::ceil<std::chrono::seconds>(*retry_delay).count()));
  }
  if (absl::IsUnauthenticated(status)) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

http::Response ErrorResponse(unsigned status, std::string_view type, std::string_view sentence) {
  std::string json = "{\"error\":";
  AppendJson(sentence, &json);
  json.append(",\"error_type\":");
  AppendJson(type, &json);
  return JsonResponse(status, json.append("}"));
}

void Reply(HttpCall&& call, http::Response response) {
  if (!call.status.ok()) response = ErrorResponse(call.status, {});
  AddRequestId(call.head, &response);
  response.delay = call.delay;
  response.kept = std::move(call.kept);
  call.responder.Respond(std::move(response));
}

void AddRequestId(const call::Head& head, http::Response* response) {
  response->headers.emplace_back("x-request-id", head.identity.request_id);
}

void AddTimes(const call::PhaseClock& clock, http::Response* response) {
  using request_log::Milliseconds;
  response->headers.emplace_back("x-queue-time", Milliseconds(clock.spent_ns(call::Phase::kQueue)));
  response->headers.emplace_back("x-inference-time", Milliseconds(clock.spent_ns(call::Phase::kInfer)));
  response->headers.emplace_back("x-total-time", Milliseconds(clock.total_ns()));
}

void AddHeaders(const service::ClassifyCall& call, http::Response* response) {
  const v1::ClassifyResponse& classified = call.outcome.response;
  if (!classified.profile_used().empty()) response->headers.emplace_back("x-profile-used", classified.profile_used());
  AddTimes(call.clock, response);
}

}  // namespace roberta::transport
