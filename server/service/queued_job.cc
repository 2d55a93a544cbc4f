#include "server/service/queued_job.h"

#include "absl/strings/str_cat.h"
#include "server/batching/stages.h"
#include "server/service/situations.h"

namespace roberta::service {

using batching::Outcome;
using metrics::Phase;

namespace {

constexpr std::chrono::hours kFarAway(24 * 365);

Phase PhaseOf(batching::Stage stage) {
  switch (stage) {
    case batching::Stage::kForm:
      return Phase::kForm;
    case batching::Stage::kInfer:
      return Phase::kInfer;
    case batching::Stage::kQueue:
      break;
  }
  return Phase::kQueue;
}

absl::Status StatusOfPush(batching::PushResult result, const std::shared_ptr<batching::Job>& job) {
  if (result == batching::PushResult::kTaken) return absl::OkStatus();
  job->done = nullptr;
  if (result == batching::PushResult::kClosed) {
    return MakeStatus(Situation::kDraining, "the server is shutting down");
  }
  return QueueFull(job->lengths.size());
}

}  // namespace

absl::Status QueueFull(size_t items) {
  return MakeStatus(Situation::kQueueFull,
                    absl::StrCat("the queue has no room for ", items, " more items; try again later"));
}

absl::Status PushJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job) {
  return StatusOfPush(queue.Push(job), job);
}

absl::Status PushBulkJob(batching::BatchQueue& queue, const std::shared_ptr<batching::Job>& job) {
  return StatusOfPush(queue.PushBulk(job), job);
}

absl::Status StatusIfDropped(const batching::Job& job) {
  for (const batching::ItemResult& result : job.results) {
    if (result.outcome == Outcome::kCancelled) {
      return MakeStatus(Situation::kCancelled, "the client cancelled the call");
    }
    if (result.outcome == Outcome::kExpired) {
      return MakeStatus(Situation::kDeadlinePassed, "the deadline passed while the call waited");
    }
  }
  return absl::OkStatus();
}

void StampStages(const batching::Job& job, metrics::PhaseClock* clock) {
  for (const batching::StageEnd& stage : batching::StagesOf(job.batches)) clock->End(PhaseOf(stage.stage), stage.end);
  clock->End(Phase::kQueue);
}

batching::Clock::time_point SteadyDeadline(std::chrono::system_clock::time_point deadline) {
  const auto now = std::chrono::system_clock::now();
  if (deadline > now + kFarAway) return batching::Clock::time_point::max();
  if (deadline < now - kFarAway) return batching::Clock::time_point::min();
  return batching::Clock::now() + (deadline - now);
}

}  // namespace roberta::service
