#include "server/service/queued_job.h"

#include "absl/strings/str_cat.h"
#include "server/batching/batch.h"
#include "server/call/failure_reason.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::Phase;

namespace {

constexpr std::chrono::hours kFarAway(24 * 365);

absl::Status StatusOfPush(batching::PushResult result, const std::shared_ptr<batching::Job>& job) {
  if (result == batching::PushResult::kTaken) return absl::OkStatus();
  job->done = nullptr;
  if (result == batching::PushResult::kClosed) {
    return MakeStatus(FailureReason::kDraining, "the server is shutting down");
  }
  return QueueFull(job->lengths.size());
}

}  // namespace

absl::Status QueueFull(size_t items) {
  return MakeStatus(FailureReason::kQueueFull,
                    absl::StrCat("the queue has no room for ", items, " more items; try again later"));
}

absl::Status PushJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job) {
  return StatusOfPush(queue.Push(job), job);
}

absl::Status PushBulkJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job) {
  return StatusOfPush(queue.PushBulk(job), job);
}

absl::Status CheckStillWanted(const std::atomic<bool>& cancelled, std::chrono::system_clock::time_point deadline) {
  if (cancelled.load(std::memory_order_relaxed)) {
    return MakeStatus(FailureReason::kCancelled, "the client cancelled the call");
  }
  if (std::chrono::system_clock::now() >= deadline) {
    return MakeStatus(FailureReason::kDeadlinePassed, "the deadline passed while the call waited");
  }
  return absl::OkStatus();
}

absl::Status StatusIfDropped(const batching::Job& job) {
  for (const batching::ItemResult& result : job.results) {
    if (result.outcome == batching::Outcome::kCancelled) {
      return MakeStatus(FailureReason::kCancelled, "the client cancelled the call");
    }
    if (result.outcome == batching::Outcome::kExpired) {
      return MakeStatus(FailureReason::kDeadlinePassed, "the deadline passed while the call waited");
    }
  }
  return absl::OkStatus();
}

void StampPhases(const batching::Job& job, call::PhaseClock* clock) {
  for (const batching::PhaseEnd& end : batching::PhasesOf(job.batches)) clock->End(end.phase, end.end);
  clock->End(Phase::kQueue);
}

batching::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline) {
  const auto now = std::chrono::system_clock::now();
  if (deadline > now + kFarAway) return batching::Clock::time_point::max();
  if (deadline < now - kFarAway) return batching::Clock::time_point::min();
  return batching::Clock::now() + (deadline - now);
}

}  // namespace roberta::service
