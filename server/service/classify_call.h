#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "profiles/registry/registry.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/admission/permits.h"
#include "server/batching/job.h"
#include "server/metrics/admission_metrics.h"
#include "server/metrics/phases.h"
#include "server/request_log/call_identity.h"
#include "server/service/admission_control.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// How a call ended.
struct CallOutcome {
  absl::Status status;
  std::vector<FieldProblem> problems;  ///< what a BadRequest detail lists; empty if the status is not about fields
  v1::ClassifyResponse response;       ///< meaningful if status is ok
};

/// One Classify call, or a part of a ClassifyStream, on its way through the service. It is in the hands of one thread
/// at a time; only `cancelled` may be set by any thread at any time.
struct ClassifyCall {
  explicit ClassifyCall(metrics::PhaseClock::Clock::time_point arrival) : clock(arrival) {}

  // Given by the caller.
  internal::RawClassifyRequest request;
  request_log::CallIdentity identity;  ///< its request id is a fresh one in the end if none is given
  std::string metadata_profile;        ///< of x-profile; empty if absent
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
  absl::AnyInvocable<void(CallOutcome&)> done;  ///< called exactly once, on any thread
  std::atomic<bool> cancelled{false};
  const std::atomic<bool>* cancelled_by = &cancelled;  ///< what is asked; lives until `done` is destroyed
  int first_item = 0;                                  ///< of a part: index in its message of the request's first item

  // Grown on the way.
  bool is_part = false;  ///< of a stream
  admission::Permit permit;
  metrics::PhaseClock clock;
  CallSettings settings;
  registry::LoadedProfile profile;
  metrics::SelectionReason selection = metrics::SelectionReason::kDefault;  ///< why that profile
  Forecast forecast;
  batching::Job job;         ///< the good items; its outputs are the logits, to the end
  std::vector<int> item_of;  ///< [good items]: index in the request
  CallOutcome outcome;
};

}  // namespace roberta::service
