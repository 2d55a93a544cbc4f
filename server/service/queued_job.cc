#include "server/service/queued_job.h"

#include "absl/strings/str_cat.h"
#include "server/batching/batch.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"

namespace roberta::service {

using call::FailureReason;
using call::MakeStatus;
using call::Phase;

namespace {

constexpr std::chrono::hours kFarAway(24 * 365);

absl::Status Cancelled() {
  return MakeStatus(FailureReason::kCancelled, "the client cancelled the call");
}

absl::Status DeadlinePassed() {
  return MakeStatus(FailureReason::kDeadlinePassed, "the deadline passed while the call waited");
}

}  // namespace

absl::Status Draining() {
  return MakeStatus(FailureReason::kDraining, "the server is shutting down");
}

absl::Status QueueFull(size_t items) {
  return MakeStatus(FailureReason::kQueueFull,
                    absl::StrCat("the queue has no room for ", items, " more items; try again later"));
}

absl::Status PushJob(const Parts& parts, const std::shared_ptr<batching::Job>& job, bool is_bulk) {
  const auto pushed = is_bulk ? parts.queue->PushBulk(job) : parts.queue->Push(job);
  if (pushed == batching::PushResult::kTaken) return absl::OkStatus();
  job->done = nullptr;
  if (pushed == batching::PushResult::kClosed) return Draining();
  const size_t items = job->lengths.size();
  return parts.admission->WithAdvice(QueueFull(items), items, job->token_ids.size(), parts.queue->now()());
}

absl::Status CheckStillWanted(const std::atomic<bool>& cancelled, std::chrono::system_clock::time_point deadline) {
  if (cancelled.load(std::memory_order_relaxed)) return Cancelled();
  return std::chrono::system_clock::now() >= deadline ? DeadlinePassed() : absl::OkStatus();
}

absl::Status StatusIfDropped(const batching::Job& job) {
  for (const batching::ItemResult& result : job.results) {
    if (result.outcome == batching::Outcome::kCancelled) return Cancelled();
    if (result.outcome == batching::Outcome::kExpired) return DeadlinePassed();
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
