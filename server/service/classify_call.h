#pragma once

#include <atomic>
#include <vector>

#include "profiles/registry/registry.h"
#include "roberta/internal/requests.pb.h"
#include "roberta/v1/classifier.pb.h"
#include "server/batching/job.h"
#include "server/metrics/profile_metrics.h"
#include "server/service/admission_control.h"
#include "server/service/request_validation.h"
#include "server/service/unary_call.h"

namespace roberta::service {

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
