#include "server/batching/batch_queue.h"

#include <algorithm>
#include <utility>

namespace roberta::batching {

namespace {

/// How much of the estimate of a token's cost one batch makes up.
constexpr double kLearningRate = 0.1;

bool AnyPrefetches(const BatchQueueOptions& options) {
  return std::any_of(options.loading.begin(), options.loading.end(),
                     [](const DataLoading& loading) { return loading.prefetch; });
}

}  // namespace

BatchQueue::BatchQueue(BatchQueueOptions options)
    : options_(std::move(options)),
      prefetches_(AnyPrefetches(options_)),
      waiting_(options_.profiles),
      shadow_(options_.profiles),
      bulk_(options_.profiles),
      helped_(options_.most_helpers),
      shares_(options_.profiles) {}

PushResult BatchQueue::Push(const std::shared_ptr<Job>& job) {
  bool may_prefetch = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return PushResult::kClosed;
    const bool shadow = job->priority == Priority::kShadow;
    const size_t items = waiting_.items() + job->lengths.size();
    const size_t tokens = waiting_.tokens() + job->token_ids.size();
    if (!shadow && !waiting_.empty() && (items > options_.capacity_items || tokens > options_.capacity_tokens)) {
      return PushResult::kFull;
    }
    Prepare(*job);
    Enter(job, shadow ? &shadow_ : &waiting_);
    CallBackUnlessOneWaits();
    if (!shadow) AskToOvertake();
    may_prefetch = MayPrefetch();
  }
  available_.notify_one();
  if (may_prefetch) prefetch_wanted_.notify_one();
  return PushResult::kTaken;
}

PushResult BatchQueue::PushBulk(const std::shared_ptr<Job>& job) {
  bool may_prefetch = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return PushResult::kClosed;
    Prepare(*job);
    job->bulk = true;
    bulk_.Add(job);
    CallBackUnlessOneWaits();
    may_prefetch = MayPrefetch();
  }
  available_.notify_one();
  if (may_prefetch) prefetch_wanted_.notify_one();
  return PushResult::kTaken;
}

void BatchQueue::Prepare(Job& job) {
  job.outputs.resize(job.lengths.size() * job.outputs_per_item);
  job.results.resize(job.lengths.size());
  job.unsettled_items = job.lengths.size();
}

void BatchQueue::Enter(const std::shared_ptr<Job>& job, WaitingItems* waiting) {
  waiting->Add(job, options_.now(), LoadingOf(job->profile).strategy == LoadingStrategy::kBucketed);
  if (options_.observer != nullptr) options_.observer->Queued(*job);
}

void BatchQueue::CallBackUnlessOneWaits() {
  if (idle_executors_ == helped_.helpers()) helped_.CallBack();
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
      while (NothingWaits() && !closed_) {
        available_.wait(lock, [this] { return closed_ || !NothingWaits() || helped_.wanted(); });
        if (NothingWaits() && !closed_) Help(&lock);
      }
      const bool finished = NothingWaits();
      if (!finished) batch = Next(last_profile, idle_executors_, &ended);
      --idle_executors_;
      if (finished) return std::nullopt;
      if (!NothingWaits()) CallBackUnlessOneWaits();
      AskToOvertake();
      if (!NothingWaits() || helped_.wanted()) available_.notify_one();  // there is work for one more
      if (MayPrefetch()) prefetch_wanted_.notify_one();
    }
    TellEnded(std::move(ended));
    if (batch) return batch;
  }
}

void BatchQueue::AskToOvertake() {
  if (idle_executors_ == 0 && !waiting_.empty()) overtaken_.Ask();
}

std::optional<Batch> BatchQueue::TakeOvertaking(OvertakenPlace* place) {
  Jobs ended;
  std::optional<Batch> batch;
  {
    const std::lock_guard lock(mutex_);
    // Whoever idles takes what waits.
    if (idle_executors_ == 0) batch = FormOvertaking(overtaken_.batch(*place), &ended);
    if (batch) overtaken_.Count(place, batch->tokens);
    if (!batch) overtaken_.Refuse(place);
  }
  TellEnded(std::move(ended));
  return batch;
}

std::optional<Batch> BatchQueue::TryTake(std::optional<size_t> last_profile) {
  Jobs ended;
  std::optional<Batch> batch;
  {
    const std::lock_guard lock(mutex_);
    batch = Next(last_profile, idle_executors_ + 1, &ended);
    if (MayPrefetch()) prefetch_wanted_.notify_one();
  }
  TellEnded(std::move(ended));
  return batch;
}

bool BatchQueue::Prefetch() {
  Jobs ended;
  {
    std::unique_lock lock(mutex_);
    prefetch_wanted_.wait(lock, [this] { return closed_ || MayPrefetch(); });
    if (closed_) return false;
    FormEarly(&ended);
  }
  TellEnded(std::move(ended));
  return true;
}

void BatchQueue::TryPrefetch() {
  Jobs ended;
  {
    const std::lock_guard lock(mutex_);
    if (MayPrefetch()) FormEarly(&ended);
  }
  TellEnded(std::move(ended));
}

void BatchQueue::Settle(const BatchPart& part, Outcome outcome, Jobs* ended) {
  for (size_t i = 0; i < part.items; ++i) part.job->results[part.first_item + i].outcome = outcome;
  CountSettled(part, ended);
}

void BatchQueue::CountSettled(const BatchPart& part, Jobs* ended) {
  part.job->unsettled_items -= part.items;
  if (part.job->unsettled_items == 0) ended->push_back(part.job);
}

void BatchQueue::Complete(const Batch& batch, BatchRun run) {
  Jobs ended;
  {
    const std::lock_guard lock(mutex_);
    if (LoadingOf(batch.profile).prefetch) --prefetching_running_;
    run.helped = helped_.Ended(batch.work, run.ended);
    overtaken_.Ended(batch.overtaken);
    const int64_t spent_ns = std::chrono::nanoseconds(run.own_time() + run.helped).count();
    ProfileShare& share = shares_[batch.profile];
    const bool shadow = batch.parts.front().job->priority == Priority::kShadow;
    if (!shadow) share.spent_ns += spent_ns - batch.charged_ns;
    const double ns_per_token = static_cast<double>(spent_ns) / static_cast<double>(std::max<size_t>(batch.tokens, 1));
    share.ns_per_token += kLearningRate * (ns_per_token - share.ns_per_token);
    if (options_.observer != nullptr) options_.observer->Ended(batch, run);
    const BatchTimes times = {batch.taken, run.started, run.ended};
    auto status = run.statuses.begin();
    for (const BatchPart& part : batch.parts) {
      Job& job = *part.job;
      for (size_t i = 0; i < part.items; ++i) job.results[part.first_item + i] = {Outcome::kRan, *status++};
      // Once a batch, though several parts of it may be of the same job.
      if (job.batches.empty() || job.batches.back() != times) job.batches.push_back(times);
      job.largest_batch_items = std::max(job.largest_batch_items, batch.items);
      CountSettled(part, &ended);
    }
  }
  TellEnded(std::move(ended));
}

void BatchQueue::TellEnded(Jobs ended) {
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
  const Clock::time_point now = options_.now();
  Depth depth = {
      .items = waiting_.items_of(), .tokens = waiting_.tokens_of(), .oldest_age = now - waiting_.oldest(now)};
  constexpr auto kShadow = static_cast<size_t>(Priority::kShadow);
  for (size_t i = 0; i < depth.items.size(); ++i) depth.items[i][kShadow] = shadow_.items_of()[i][kShadow];
  return depth;
}

Clock::duration BatchQueue::waiting_work() const {
  const std::lock_guard lock(mutex_);
  double ns = 0;
  for (size_t i = 0; i < shares_.size(); ++i) {
    ns += static_cast<double>(waiting_.tokens_of()[i]) * shares_[i].ns_per_token;
  }
  return std::chrono::nanoseconds(static_cast<int64_t>(ns));
}

size_t BatchQueue::idle_executors() const {
  const std::lock_guard lock(mutex_);
  return idle_executors_;
}

}  // namespace roberta::batching
