#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/metrics/families.h"
#include "server/metrics/method.h"
#include "server/metrics/per_profile.h"
#include "server/metrics/phases.h"

namespace roberta::metrics {

/// What becomes of calls and how long they take: requests_total, request_failures_total, request_duration_seconds,
/// phase_duration_seconds, inflight_requests. Any thread may call.
class CallMetrics {
 public:
  /// The value of the label `reason` for a failure whose reason is none of those known.
  static constexpr char kOtherReason[] = "other";

  /// `failure_reasons` are the values of the label `reason`, kOtherReason apart. `registry` must outlive this.
  CallMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles,
              const std::vector<std::string>& failure_reasons);

  /// A Classify, ClassifyStream or Compare call has begun.
  void Started();

  struct End {
    Method method;
    std::string_view profile;  ///< empty if it got none
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string_view reason;  ///< of a failure; ignored if `code` is kOk
  };
  /// A call has ended, with the time it took.
  void Ended(const End& end, const PhaseClock& clock);

 private:
  static constexpr size_t kCodes = 17;  // gRPC's status codes, 0 to 16; absl's numbers are the same

  struct Handles {
    std::array<std::array<prometheus::Counter*, kCodes>, kMethods> requests;
    std::array<prometheus::Histogram*, kMethods> duration;
    std::array<prometheus::Histogram*, kPhases> phases;
  };
  static PerProfile<Handles> MakeHandles(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  const PerProfile<Handles> handles_;
  std::map<std::string, prometheus::Counter*, std::less<>> failures_;
  prometheus::Counter* other_failures_;
  prometheus::Gauge* inflight_;
};

}  // namespace roberta::metrics
