#include "server/batching/batch_queue.h"

#include <algorithm>
#include <utility>

namespace roberta::batching {
namespace {

bool AnyPrefetches(const BatchQueueOptions& options) {
  return std::ranges::any_of(options.loading, &DataLoading::prefetch);
}

void PrepareResults(Job& job) {
  job.outputs.resize(job.lengths.size() * job.outputs_per_item);
  job.results.resize(job.lengths.size());
  job.unsettled_items = job.lengths.size();
}

}  // namespace

BatchQueue::BatchQueue(BatchQueueOptions options)
    : options_(std::move(options)),
      prefetches_(AnyPrefetches(options_)),
      former_(options_),
      splits_(options_.profiles, true),
      helped_(options_.most_helpers) {}

PushResult BatchQueue::Add(const std::shared_ptr<Job>& job, bool bulk) {
  bool may_prefetch = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return PushResult::kClosed;
    if (!bulk && !former_.HasRoomFor(*job)) return PushResult::kFull;
    PrepareResults(*job);
    helped_.Arrived(running_ + (former_.nothing_waits() ? 0 : 1));
    if (bulk) {
      job->bulk = true;
      former_.AddBulk(job);
    } else {
      former_.Add(job);
    }
    CallHelpersBackUnlessOneWaits();
    if (!bulk && job->priority != Priority::kShadow) WantOvertaking();
    may_prefetch = MayPrefetch();
  }
  available_.notify_one();
  if (may_prefetch) prefetch_wanted_.notify_one();
  return PushResult::kTaken;
}

void BatchQueue::CallHelpersBackUnlessOneWaits() {
  if (idle_executors_ == helped_.helpers()) helped_.CallBack();
}

void BatchQueue::WantOvertaking() {
  if (idle_executors_ == 0 && former_.items_wait()) overtaken_.Ask();
}

void BatchQueue::Help(std::unique_lock<std::mutex>* lock) {
  const std::optional<HelpedBatches::Helper> helper = helped_.Joined(options_.now());
  if (!helper) return;
  if (helped_.wanted()) available_.notify_one();
  lock->unlock();
  helper->work->Help(helper->call);
  lock->lock();
  helped_.Left(*helper, options_.now());
}

std::optional<Batch> BatchQueue::Take(std::optional<size_t> last_profile) {
  while (true) {
    Jobs ended;
    std::optional<Batch> batch;
    {
      std::unique_lock lock(mutex_);
      ++idle_executors_;
      while (former_.nothing_waits() && !closed_) {
        available_.wait(lock, [this] { return closed_ || !former_.nothing_waits() || helped_.wanted(); });
        if (former_.nothing_waits() && !closed_) Help(&lock);
      }
      const bool finished = former_.nothing_waits();
      if (!finished) batch = Next(last_profile, idle_executors_);
      SettleDropped(&ended);
      --idle_executors_;
      if (finished) return std::nullopt;
      if (!former_.nothing_waits()) CallHelpersBackUnlessOneWaits();
      WantOvertaking();
      if (!former_.nothing_waits() || helped_.wanted()) available_.notify_one();  // there is work for one more
      if (MayPrefetch()) prefetch_wanted_.notify_one();
    }
    CallDone(std::move(ended));
    if (batch) return batch;
  }
}

std::optional<Batch> BatchQueue::TryTake(std::optional<size_t> last_profile) {
  Jobs ended;
  std::optional<Batch> batch;
  {
    const std::lock_guard lock(mutex_);
    batch = Next(last_profile, idle_executors_ + 1);
    SettleDropped(&ended);
    if (MayPrefetch()) prefetch_wanted_.notify_one();
  }
  CallDone(std::move(ended));
  return batch;
}

std::optional<Batch> BatchQueue::TakeOvertaking(OvertakenPlace* place) {
  Jobs ended;
  std::optional<Batch> batch;
  {
    const std::lock_guard lock(mutex_);
    // An idle executor would take what waits.
    if (idle_executors_ == 0) batch = former_.FormOvertaking(overtaken_.batch(*place));
    SettleDropped(&ended);
    if (batch) {
      Start(*batch);
      overtaken_.Count(place, batch->tokens);
    } else {
      overtaken_.Refuse(place);
    }
  }
  CallDone(std::move(ended));
  return batch;
}

std::optional<Batch> BatchQueue::Next(std::optional<size_t> last_profile, size_t idle_executors) {
  std::optional<Batch> batch = former_.Form(last_profile, idle_executors);
  if (!batch) return std::nullopt;
  if (splits_[batch->profile]) batch->work = helped_.Started(batch->tokens);
  batch->overtaken = overtaken_.Started(*batch, options_.policy);
  Start(*batch);
  return batch;
}

void BatchQueue::Start(const Batch& batch) {
  ++running_;
  if (former_.LoadingOf(batch.profile).prefetch) {
    ++prefetching_running_;
    last_prefetching_ = batch.profile;
  }
  if (options_.observer == nullptr) return;
  for (const BatchPart& part : batch.parts) options_.observer->Left(part);
  options_.observer->Started(batch);
}

bool BatchQueue::Prefetch() {
  Jobs ended;
  {
    std::unique_lock lock(mutex_);
    prefetch_wanted_.wait(lock, [this] { return closed_ || MayPrefetch(); });
    if (closed_) return false;
    former_.FormEarly(last_prefetching_);
    SettleDropped(&ended);
  }
  CallDone(std::move(ended));
  return true;
}

void BatchQueue::TryPrefetch() {
  Jobs ended;
  {
    const std::lock_guard lock(mutex_);
    if (MayPrefetch()) former_.FormEarly(last_prefetching_);
    SettleDropped(&ended);
  }
  CallDone(std::move(ended));
}

void BatchQueue::Complete(const Batch& batch, BatchRun run) {
  Jobs ended;
  {
    const std::lock_guard lock(mutex_);
    --running_;
    ++batches_ended_;
    if (former_.LoadingOf(batch.profile).prefetch) --prefetching_running_;
    run.helped = helped_.Ended(batch.work, run.ended);
    overtaken_.Ended(batch.overtaken);
    former_.BatchEnded(batch, run);
    if (options_.observer != nullptr) options_.observer->Ended(batch, run);
    const BatchTimes times = {batch.taken, run.started, run.ended};
    auto status = run.statuses.begin();
    for (const BatchPart& part : batch.parts) {
      Job& job = *part.job;
      for (size_t i = 0; i < part.items; ++i) job.results[part.first_item + i] = {Outcome::kRan, *status++};
      // Once per batch, though several parts of it may belong to the same job.
      if (job.batches.empty() || job.batches.back() != times) job.batches.push_back(times);
      job.largest_batch_items = std::max(job.largest_batch_items, batch.items);
      CountSettled(part, &ended);
    }
  }
  CallDone(std::move(ended));
}

void BatchQueue::SettleDropped(Jobs* ended) {
  for (const auto& [part, outcome] : former_.TakeDropped()) {
    for (size_t i = 0; i < part.items; ++i) part.job->results[part.first_item + i].outcome = outcome;
    CountSettled(part, ended);
  }
}

void BatchQueue::CountSettled(const BatchPart& part, Jobs* ended) {
  part.job->unsettled_items -= part.items;
  if (part.job->unsettled_items == 0) ended->push_back(part.job);
}

void BatchQueue::CallDone(Jobs ended) {
  for (const std::shared_ptr<Job>& job : ended) {
    absl::AnyInvocable<void(Job&)> done = std::exchange(job->done, nullptr);
    done(*job);
  }
}

void BatchQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    helped_.CallBack();
  }
  available_.notify_all();
  prefetch_wanted_.notify_all();
}

BatchQueue::Depth BatchQueue::depth() const {
  const std::lock_guard lock(mutex_);
  return former_.depth();
}

void BatchQueue::SeedCost(size_t profile, double ns_per_token, size_t efficient_tokens) {
  const std::lock_guard lock(mutex_);
  former_.SeedCost(profile, ns_per_token, efficient_tokens);
}

void BatchQueue::SetSplits(size_t profile, bool splits) {
  const std::lock_guard lock(mutex_);
  splits_[profile] = splits;
}

BatchQueue::Progress BatchQueue::progress() const {
  const std::lock_guard lock(mutex_);
  return {.has_work = running_ > 0 || !former_.nothing_waits(), .batches_ended = batches_ended_};
}

Clock::duration BatchQueue::waiting_work() const {
  const std::lock_guard lock(mutex_);
  return former_.waiting_work();
}

size_t BatchQueue::idle_executors() const {
  const std::lock_guard lock(mutex_);
  return idle_executors_;
}

}  // namespace roberta::batching
