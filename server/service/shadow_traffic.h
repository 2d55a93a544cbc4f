#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "profiles/registry/registry.h"
#include "server/admission/sampler.h"
#include "server/batching/batch_queue.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

struct ShadowOptions {
  std::string profile;                ///< known to the registry
  double fraction = 0;                ///< of the answered calls, 0 to 1
  size_t max_items_in_flight = 1024;  ///< that wait or run
  uint64_t seed = 0;                  ///< settles which calls are chosen
};

/// Runs a fraction of the answered calls again on a second profile and counts how often it agrees with the answer, as
/// the quality gate does (quality::AgreementOf). No call is delayed or refused for it: it runs after the answer has
/// left, at batching::Priority::kShadow, and holds no permit. What would wait beyond the limit is dropped and counted.
/// Any thread may call; nothing blocks.
class ShadowTraffic {
 public:
  /// All must outlive this, but for the queue's executors, which must be gone before it.
  struct Parts {
    const registry::Registry* registry;
    batching::BatchQueue* queue;  ///< its profiles are those of the registry, in that order
    metrics::ServerMetrics* metrics;
  };

  ShadowTraffic(ShadowOptions options, const Parts& parts);

  /// Whether the call that `answered`, a job whose items have their outcomes, was for is to run again: nothing, or the
  /// profile that Run must then be called with. A call that was answered by the second profile itself is not.
  std::optional<registry::LoadedProfile> Choose(const batching::Job& answered, const std::string& profile_used);

  /// Runs those items of `answered` again that ran well; its outputs must still be logits.
  void Run(const registry::LoadedProfile& profile, const batching::Job& answered);

  /// From now on nothing is chosen, and what waits is dropped.
  void Stop() { stopped_.store(true); }

 private:
  void Compare(const batching::Job& job, absl::Span<const float> answer);

  const ShadowOptions options_;
  const Parts parts_;
  admission::Sampler sampler_;
  std::atomic<size_t> items_in_flight_{0};
  std::atomic<bool> stopped_{false};
};

}  // namespace roberta::service
