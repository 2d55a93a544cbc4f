#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "server/call/identity.h"
#include "server/service/profile_administration.h"
#include "server/service/request_validation.h"
#include "server/service/unary_call.h"

// What a call has beside its messages: metadata before them, metadata and a status after them.
namespace roberta::transport {

/// Reads the deadline and the metadata x-request-id, traceparent and x-profile, and adds the trailing metadata
/// x-request-id. A request id or traceparent that came more than once is ignored; of several x-profile the first
/// counts.
call::Head ReadHead(grpc::CallbackServerContext* context);

/// Adds the trailing metadata x-queue-time, x-inference-time and x-total-time, in milliseconds with three decimals, and
/// grpc-retry-pushback-ms, by which gRPC clients retry, if the status has a retry delay.
void AddTimesAndRetryPushback(const call::PhaseClock& clock, const absl::Status& status,
                              grpc::CallbackServerContext* context);

/// Adds the trailing metadata of a call that has ended: times and retry pushback.
template <typename Request, typename Response>
void AddTrailers(const service::UnaryCall<Request, Response>& call, grpc::CallbackServerContext* context) {
  AddTimesAndRetryPushback(call.clock, call.outcome.status, context);
}
/// And x-profile-used if a profile was selected.
void AddTrailers(const service::ClassifyCall& call, grpc::CallbackServerContext* context);
/// Calls about profiles have none.
template <typename Response>
void AddTrailers(const service::ProfileCall<Response>& /*call*/, grpc::CallbackServerContext* /*context*/) {}

/// The same code and message for gRPC, with a google.rpc.BadRequest detail that lists `problems`, if there are any, and
/// a google.rpc.RetryInfo if `status` carries a retry delay. The list is cut, and says so, before it outgrows what a
/// trailer may hold (8 KiB by default, all trailers together).
grpc::Status ToGrpcStatus(const absl::Status& status, const std::vector<service::FieldProblem>& problems);

/// What ends a call from outside with `status`, while its reactor waits for the client: TryCancel would do that, too,
/// but its status is always CANCELLED. `call` must be there now, and is kept until the result has run, which must be
/// once, and without a lock that a reaction takes.
std::function<void()> EndingOf(grpc_call* call, const absl::Status& status);

}  // namespace roberta::transport
