#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/http/message.h"
#include "server/security/guard.h"
#include "server/service/profile_administration.h"
#include "server/service/request_validation.h"
#include "server/service/unary_call.h"

// Calls between the HTTP server and the service: what a request has beside its body, and how a call ends over HTTP.
namespace roberta::transport {

/// Whether the caller may make a call that needs the role; fills who it is into the head. An UNAUTHENTICATED status may
/// delay the answer.
struct Admission {
  absl::Status status;
  std::chrono::milliseconds delay{0};
  std::shared_ptr<const void> kept = nullptr;  ///< as long as the answer is delayed
};
using Authorize = std::function<Admission(const http::Request&, security::Role, call::Head*)>;

/// As `guard` decides, which must outlive the result.
Authorize AuthorizeBy(const security::Guard* guard);

/// A request on its way to the service. The handler of its route moves out what it needs.
struct HttpCall {
  http::Request request;
  http::Responder responder;
  std::vector<std::string> path;       ///< what the placeholders of the route stand for
  call::Head head;                     ///< without a deadline that is in the body
  absl::Status status;                 ///< why the call cannot go on: what is wrong with the head, or who calls
  std::chrono::milliseconds delay{0};  ///< of the answer then
  std::shared_ptr<const void> kept;
};

/// The HTTP status for a status: google.rpc.Code's own mapping.
unsigned HttpStatusOf(const absl::Status& status);

/// The head of a call: x-request-id, traceparent and x-profile as over gRPC; the deadline by the header grpc-timeout or
/// the query's timeout_ms, whichever is earlier. Failure reason: kBadField; the head then has no deadline.
absl::Status ReadHttpHead(const http::Request& request, call::Head* head);

/// Sets an earlier deadline: so many milliseconds after the request came. Not negative.
void ShortenDeadline(const http::Request& request, double milliseconds, call::Head* head);

/// Sets the deadline by the member `timeout_ms` of a body, if it is there, and removes it. Failure reason: kBadField.
absl::Status TakeTimeout(const http::Request& request, nlohmann::json* body, call::Head* head,
                         std::vector<service::FieldProblem>* problems);

/// A response in JSON, with the headers that all have.
http::Response JsonResponse(unsigned status, std::string body);

/// The response to a call that failed: {"error", "error_type"}, with "field_violations" if there are problems and
/// "retry_after_ms", and the header Retry-After, if the status has a retry delay.
http::Response ErrorResponse(const absl::Status& status, const std::vector<service::FieldProblem>& problems);
/// Of what is no call: `type` is the kind of error.
http::Response ErrorResponse(unsigned status, std::string_view type, std::string_view sentence);

/// Answers a call at once, unless it cannot go on.
void Reply(HttpCall&& call, http::Response response);

/// Adds the header x-request-id.
void AddRequestId(const call::Head& head, http::Response* response);

/// Adds the headers of a call that has ended: its times, as trailing metadata over gRPC has them.
void AddTimes(const call::PhaseClock& clock, http::Response* response);
template <typename Request, typename Response>
void AddHeaders(const service::UnaryCall<Request, Response>& call, http::Response* response) {
  AddTimes(call.clock, response);
}
/// And x-profile-used if a profile was selected.
void AddHeaders(const service::ClassifyCall& call, http::Response* response);
/// Calls about profiles have none.
template <typename Response>
void AddHeaders(const service::ProfileCall<Response>& /*call*/, http::Response* /*response*/) {}

/// Carries one call. `translation` is one as for unary calls over gRPC (Direct, for one); `read` puts the request's
/// body into what it translates, and `write` makes the response of what it ends with:
///   absl::Status read(const http::Request&, Translation&, Call*);
///   http::Response write(const Translation::Response&, Translation&);
/// Calls `(service->*start)(call)`; nothing blocks.
template <typename Translation, typename Service, typename Read, typename Write>
void StartHttpCall(HttpCall&& from, Translation translation, Service* service,
                   void (Service::*start)(std::shared_ptr<typename Translation::Call>), Read read, Write write) {
  using Call = typename Translation::Call;
  auto call = std::make_shared<Call>(from.request.arrival);
  static_cast<call::Head&>(*call) = std::move(from.head);
  auto translated = std::make_unique<Translation>(std::move(translation));
  call->outcome.status = std::move(from.status);
  if (call->outcome.status.ok()) {
    call->outcome.status = read(from.request, *translated, call.get());
  }
  if (call->outcome.status.ok()) call->outcome.status = translated->Begin(call.get());
  const std::weak_ptr<Call> weak = call;
  from.responder.OnGone([weak] {
    if (const auto running = weak.lock()) running->Cancel();
  });
  call->done = [call = call.get(), translated = std::move(translated), write = std::move(write),
                responder = std::move(from.responder), delay = from.delay,
                kept = std::move(from.kept)](service::Outcome<typename Call::Response>& outcome) mutable {
    typename Translation::Response storage;
    const auto* message = translated->End(outcome, &storage);
    http::Response response =
        outcome.status.ok() ? write(*message, *translated) : ErrorResponse(outcome.status, outcome.problems);
    AddRequestId(*call, &response);
    AddHeaders(*call, &response);
    response.delay = delay;
    response.kept = std::move(kept);
    responder.Respond(std::move(response));
  };
  (service->*start)(std::move(call));
}

}  // namespace roberta::transport
