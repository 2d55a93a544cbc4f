#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/job.h"
#include "server/call/phases.h"
#include "server/service/parts.h"

namespace roberta::service {

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
