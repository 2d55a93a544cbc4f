#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/encoder/profile.h"
#include "profiles/registry/registry.h"
#include "server/batching/batch.h"
#include "server/call/call.h"
#include "server/metrics/server_metrics.h"
#include "server/service/parts.h"

namespace roberta::service {

/// Runs `profile` on sequences of the given lengths, whose tokens follow one another in `token_ids`, padded to
/// `padded_length` unless that is 0, and checks every logit. Where the batch fails, or the logits of a sequence are not
/// finite, the sequences concerned run once more, each alone, so that one of them cannot fail the others. Returns a
/// status per sequence: ok, or why its part of `logits` [lengths.size(), labels] is not to be used. `team` as in
/// encoder::Profile::RunShared.
std::vector<absl::Status> RunProfile(const encoder::Profile& profile, absl::Span<const int32_t> token_ids,
                                     absl::Span<const size_t> lengths, size_t padded_length, size_t labels,
                                     absl::Span<float> logits, team::Team* team = nullptr);

/// The backend that the executors run a loaded profile with: computes logits with RunProfile and counts the batch.
/// Keeps the profile alive. There is one for each load of a profile, the attachment of registry::LoadedProfile: jobs
/// share a batch if they have the same backend.
class ProfileBackend final : public batching::Backend {
 public:
  /// `metrics` must outlive the backend.
  ProfileBackend(registry::LoadedProfile profile, size_t labels, metrics::ServerMetrics* metrics);

  std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                size_t padded_length, absl::Span<float> logits, team::Team* team) const override;

 private:
  const registry::LoadedProfile profile_;
  const size_t labels_;
  metrics::ServerMetrics* const metrics_;
};

/// The backend of a profile that was loaded with a ProfileBackend as its attachment.
std::shared_ptr<const batching::Backend> BackendOf(const registry::LoadedProfile& profile);

/// The number of profiles in the queue, which shares the executors fairly between them: those of the registry, by
/// LoadedProfile::index, and one more for comparisons, which run several profiles.
inline size_t QueueProfiles(const std::vector<std::string>& profile_names) {
  return profile_names.size() + 1;
}
inline size_t ComparisonIndex(const std::vector<std::string>& profile_names) {
  return profile_names.size();
}

/// Pushes `job`, as bulk work or not. Failure reasons: kDraining, and kQueueFull with a retry delay, which bulk work
/// never gets; `done` and what it owns are then destroyed.
absl::Status PushJob(const Parts& parts, const std::shared_ptr<batching::Job>& job, bool is_bulk = false);

/// kDraining.
absl::Status Draining();
/// kQueueFull, for a job of so many items.
absl::Status QueueFull(size_t items);

/// OK while the client still waits for the call; else kCancelled or kDeadlinePassed.
absl::Status CheckStillWanted(const std::atomic<bool>& cancelled, std::chrono::system_clock::time_point deadline);

/// OK if every item of a job that has ended was run; else kCancelled or kDeadlinePassed.
absl::Status StatusIfDropped(const batching::Job& job);

/// Adds the time from the last stamp to now to queue, form and infer, by when the batches of a job that has ended ran.
void StampPhases(const batching::Job& job, call::PhaseClock* clock);

/// The time on the monotonic clock that corresponds to `deadline`; one too far away to matter is max().
batching::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline);

}  // namespace roberta::service
