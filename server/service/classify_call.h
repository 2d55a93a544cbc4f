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
#include "server/metrics/phases.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// How a call ended.
struct CallOutcome {
  absl::Status status;
  std::vector<FieldProblem> problems;  ///< what a BadRequest detail lists; empty if the status is not about fields
  v1::ClassifyResponse response;       ///< meaningful if status is ok
};

/// One Classify call on its way through the service. It is in the hands of one thread at a time; only `cancelled` may
/// be set by any thread at any time.
struct ClassifyCall {
  explicit ClassifyCall(metrics::PhaseClock::Clock::time_point arrival) : clock(arrival) {}

  // Given by the caller.
  internal::RawClassifyRequest request;
  std::string metadata_profile;  ///< of x-profile; empty if absent
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
  absl::AnyInvocable<void(CallOutcome&)> done;  ///< called exactly once, on any thread
  std::atomic<bool> cancelled{false};

  // Grown on the way.
  admission::Permit permit;
  metrics::PhaseClock clock;
  CallSettings settings;
  registry::LoadedProfile profile;
  std::vector<int32_t> token_ids;  ///< of all good items, one after another
  std::vector<size_t> lengths;     ///< [good items], in tokens
  std::vector<int> item_of;        ///< [good items]: index in the request
  std::vector<float> logits;       ///< [good items, labels]
  size_t largest_batch_items = 0;
  CallOutcome outcome;
};

}  // namespace roberta::service
