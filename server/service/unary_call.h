#pragma once

#include <atomic>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/permits.h"
#include "server/batching/batch.h"
#include "server/call/call.h"
#include "server/call/identity.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/load_metrics.h"
#include "server/service/admission_control.h"
#include "server/service/parked_refusals.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// How a call ended.
template <typename ResponseMessage>
struct Outcome {
  absl::Status status;
  std::vector<FieldProblem> problems;  ///< for a BadRequest detail; empty if the status is not about fields
  ResponseMessage response;            ///< meaningful if status is ok
};

/// One unary call on its way through the service. One thread at a time works on it; only `cancelled` may be set by any
/// thread at any time.
template <typename RequestMessage, typename ResponseMessage>
struct UnaryCall : call::Head, Parkable {
  using Request = RequestMessage;
  using Response = ResponseMessage;

  explicit UnaryCall(call::PhaseClock::Clock::time_point arrival) : clock(arrival) {}

  /// Hands the outcome over. The permit is returned after that: the server may not stop before the response is on its
  /// way.
  void Complete() {
    in_flight.reset();
    on_connection.reset();
    done(outcome);
    permit.reset();
  }

  /// The client has given the call up. Any thread may call, until `done` was called.
  void Cancel() {
    cancelled_at = call::PhaseClock::Clock::now();
    cancelled = true;
    Unpark();
  }

  // Set by the transport, with the Head. A call whose message could not be read begins with that status in `outcome`,
  // and ends with it.
  Request request;
  absl::AnyInvocable<void(Outcome<Response>&)> done;  ///< called exactly once, on any thread
  std::atomic<bool> cancelled{false};
  std::atomic<call::PhaseClock::Clock::time_point> cancelled_at{};  ///< set before `cancelled`

  // Filled by the service.
  call::PhaseClock clock;
  metrics::CallMetrics::InFlight in_flight;
  admission::Permit permit;
  admission::EarlyCancels::Open on_connection;
  Outcome<Response> outcome;

 private:
  void Leave() override { Complete(); }
  void KeepOnlyTheRefusal() override {
    in_flight.reset();
    permit.reset();
    Request().Swap(&request);
  }
  absl::Status& refusal() override { return outcome.status; }
};

using CallOutcome = Outcome<v1::ClassifyResponse>;

/// One Classify call, or one part of a ClassifyStream.
struct ClassifyCall : UnaryCall<internal::RawClassifyRequest, v1::ClassifyResponse> {
  using UnaryCall::UnaryCall;

  // Set by the caller. A call without a request id gets a new one.
  const std::atomic<bool>* cancelled_by = &cancelled;  ///< read instead of `cancelled`; outlives `done`
  int first_item = 0;                                  ///< of a part: index in its message of the request's first item

  // Filled by the service.
  bool is_part = false;  ///< of a stream
  CallSettings settings;
  registry::LoadedProfile profile;
  metrics::SelectionReason selection = metrics::SelectionReason::kDefault;  ///< why this profile was selected
  Forecast forecast;
  batching::Job job;         ///< the good items; its outputs are the logits, and stay so
  std::vector<int> item_of;  ///< [good items]: index in the request
};

}  // namespace roberta::service
