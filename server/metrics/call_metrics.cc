#include "server/metrics/call_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include "server/metrics/buckets.h"

namespace roberta::metrics {

PerProfile<CallMetrics::Handles> CallMetrics::MakeHandles(prometheus::Registry* registry,
                                                          const std::vector<std::string>& profiles) {
  auto& requests = AddCounters(*registry, "roberta_requests_total", "Calls that ended, by gRPC status code.");
  auto& duration = AddHistograms(*registry, "roberta_request_duration_seconds", "Time of a call in the service.");
  auto& phases = AddHistograms(*registry, "roberta_phase_duration_seconds",
                               "Time of a Classify call by phase; the phases add up to its request duration.");
  return PerProfile<Handles>(profiles, [&](const std::string& profile) {
    Handles handles;
    for (size_t method = 0; method < kMethods; ++method) {
      for (size_t code = 0; code < kCodes; ++code) {
        handles.requests[method][code] =
            &requests.Add({{"method", kMethodNames[method]},
                           {"profile", profile},
                           {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}});
      }
      handles.duration[method] =
          &duration.Add({{"method", kMethodNames[method]}, {"profile", profile}}, LatencySeconds());
    }
    for (size_t phase = 0; phase < kPhases; ++phase) {
      handles.phases[phase] = &phases.Add({{"phase", kPhaseNames[phase]}, {"profile", profile}}, LatencySeconds());
    }
    return handles;
  });
}

CallMetrics::CallMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles,
                         const std::vector<std::string>& failure_reasons)
    : handles_(MakeHandles(registry, profiles)) {
  auto& failures =
      AddCounters(*registry, "roberta_request_failures_total", "Calls that ended without an answer, by reason.");
  for (const std::string& reason : failure_reasons) failures_[reason] = &failures.Add({{"reason", reason}});
  other_failures_ = &failures.Add({{"reason", kOtherReason}});
  inflight_ = &AddGauges(*registry, "roberta_inflight_requests",
                         "Classify, ClassifyStream and Compare calls in the service now.")
                   .Add({});
}

void CallMetrics::Started() {
  inflight_->Increment();
}

void CallMetrics::Ended(const End& end, const PhaseClock& clock) {
  const Handles& handles = handles_.Of(end.profile);
  const auto method = static_cast<size_t>(end.method);
  handles.requests[method][static_cast<size_t>(end.code) % kCodes]->Increment();
  handles.duration[method]->Observe(Seconds(clock.total_ns()));
  if (end.code != absl::StatusCode::kOk) {
    const auto found = failures_.find(end.reason);
    (found != failures_.end() ? found->second : other_failures_)->Increment();
  }
  if (end.method <= Method::kCompare) inflight_->Decrement();
  if (end.method != Method::kClassify) return;
  for (size_t phase = 0; phase < kPhases; ++phase) {
    handles.phases[phase]->Observe(Seconds(clock.spent_ns(static_cast<Phase>(phase))));
  }
}

}  // namespace roberta::metrics
