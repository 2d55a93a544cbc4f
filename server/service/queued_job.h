#pragma once

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "server/batching/batch_queue.h"
#include "server/batching/job.h"
#include "server/metrics/phases.h"

namespace roberta::service {

/// Pushes `job`. Situations: kQueueFull, kDraining; `done` is then destroyed, and with it what it owns.
absl::Status PushJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job);
/// The same for bulk work, which is never kQueueFull.
absl::Status PushBulkJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job);

/// kQueueFull, for a job of so many items.
absl::Status QueueFull(size_t items);

/// OK if every item of a job that ended has run; else kCancelled or kDeadlinePassed.
absl::Status StatusIfDropped(const batching::Job& job);

/// Gives the time from the last stamp to now to queue, form and infer, by what happened to a job that ended.
void StampStages(const batching::Job& job, metrics::PhaseClock* clock);

/// The moment of the monotonic clock that is `deadline` by the clock of the wall; one too far away to matter is max().
batching::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline);

}  // namespace roberta::service
