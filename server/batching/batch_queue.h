#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"
#include "server/batching/bulk_lines.h"
#include "server/batching/data_loading.h"
#include "server/batching/helped_batches.h"
#include "server/batching/job.h"
#include "server/batching/overtaken_batches.h"
#include "server/batching/queue_observer.h"
#include "server/batching/waiting_items.h"

namespace roberta::batching {

struct BatchQueueOptions {
  size_t profiles = 1;
  size_t capacity_items = 16384;
  size_t capacity_tokens = 1 << 20;
  size_t bulk_batch_tokens = 512;  ///< see PushBulk: more per batch make it hardly more efficient
  size_t most_helpers = 0;         ///< executors that may help another with its batch; 0: none ever does
  PolicyOptions policy;
  std::vector<DataLoading> loading;  ///< of the first profiles; the others have the default
  std::function<Clock::time_point()> now = Clock::now;
  QueueObserver* observer = nullptr;  ///< must outlive the queue; nullptr: none
};

enum class PushResult { kTaken, kFull, kClosed };

/// Where jobs wait for executors; ChooseProfile and PlanBatch say which items run next. No batch is ever delayed: an
/// executor that asks while anything waits gets it at once. A job that was taken in gets each of its items exactly one
/// outcome, and its `done` exactly one call; this holds after Close, too, as long as somebody takes. Any thread may
/// call anything.
///
/// Items past their deadline are dropped whenever a batch is formed, wherever they stand; those of a cancelled job at
/// the latest when their turn comes, and sooner as the queue looks through what waits, some with every batch. Neither
/// ever runs.
///
/// An executor that asks while nothing waits helps, if it may, another one with its batch (see Batch::work), until that
/// has run or something waits.
///
/// While no executor is free, short items need not wait for a batch of long ones to end: whoever runs it takes them in
/// between, with TakeOvertaking (see PlanOvertaking).
///
/// Shadow traffic waits apart from the rest: it does not age and runs only when nothing else waits, the oldest first,
/// in batches of at most PolicyOptions::max_shadow_tokens. It takes nobody's room, and no profile is charged for it.
class BatchQueue {
 public:
  explicit BatchQueue(BatchQueueOptions options);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  /// Takes `job` in, or says at once why not: more would wait than the capacities allow, or the queue is closed; its
  /// `done` is then never called and it is left as it was. An empty queue takes any job, so that none is refused for
  /// ever.
  PushResult Push(const std::shared_ptr<Job>& job);

  /// Takes in a job of bulk work, which is never refused for want of room: whoever pushes bounds it. It waits in a line
  /// outside the capacities until an executor asks for a batch and less bulk of its profile and priority than that
  /// executor would run waits inside, `bulk_batch_tokens`; only from then on does it compete, and age. So however much
  /// bulk there is, other calls find the queue nearly empty, and an executor soon free. kTaken or kClosed.
  PushResult PushBulk(const std::shared_ptr<Job>& job);

  /// The next batch for an executor that ran `last_profile` before; waits for one, and helps others meanwhile. Nothing:
  /// the queue is closed and nothing waits any more.
  std::optional<Batch> Take(std::optional<size_t> last_profile);
  /// The same without waiting: nothing if nothing can run now.
  std::optional<Batch> TryTake(std::optional<size_t> last_profile);
  /// Short items that the executor of the batch in `place` is to run before it goes on; nothing if there are none.
  /// Worth a call where place->wanted(). What comes out cannot be overtaken itself.
  std::optional<Batch> TakeOvertaking(OvertakenPlace* place);

  /// Whether a profile prefetches: somebody should then call Prefetch again and again.
  bool prefetches() const { return prefetches_; }
  /// Waits until there is a batch to form early: a profile that prefetches runs, no executor idles, something waits.
  /// Then forms it, for the executor that is free first. False: the queue is closed.
  bool Prefetch();
  /// The same without waiting: does nothing if there is none.
  void TryPrefetch();

  /// Gives the items of `batch` their outcomes.
  void Complete(const Batch& batch, BatchRun run);

  /// From now on nothing is taken in.
  void Close();

  /// What waits now, without items that run, whose batch is formed, or that stand in the line of PushBulk.
  struct Depth {
    std::vector<std::array<size_t, kPriorities>> items;  ///< [profiles]
    std::vector<size_t> tokens;                          ///< [profiles], without shadow traffic
    Clock::duration oldest_age = {};                     ///< 0 if nothing but shadow traffic waits
  };
  Depth depth() const;
  /// For how long one executor would be busy with what waits, shadow traffic not included: tokens by what a token of
  /// their profile has cost lately. Takes time that depends on the number of profiles alone.
  Clock::duration waiting_work() const;
  /// Executors that wait in Take, or help.
  size_t idle_executors() const;
  size_t capacity_items() const { return options_.capacity_items; }
  const std::function<Clock::time_point()>& now() const { return options_.now; }

 private:
  using Jobs = std::vector<std::shared_ptr<Job>>;

  const DataLoading& LoadingOf(size_t profile) const;
  /// Whether there is something to form a batch of, but for shadow traffic.
  bool CallsWait() const { return !waiting_.empty() || !bulk_.empty(); }
  bool NothingWaits() const { return !CallsWait() && shadow_.empty() && prefetched_.empty(); }
  bool MayPrefetch() const {
    return CallsWait() && prefetched_.size() < prefetching_running_ && !closed_ && idle_executors_ == 0;
  }
  void CallBackUnlessOneWaits();
  void Help(std::unique_lock<std::mutex>* lock);
  void AskToOvertake();
  void Start(Batch* batch);
  void Charge(Batch* batch);
  std::optional<Batch> FormOvertaking(const OvertakenBatch& running, Jobs* ended);
  std::optional<Batch> Next(std::optional<size_t> last_profile, size_t idle_executors, Jobs* ended);
  std::optional<Batch> NextPrefetched(Jobs* ended);
  void FormEarly(Jobs* ended);
  std::optional<Batch> FormOfCalls(std::optional<size_t> last_profile, size_t idle_executors, Jobs* ended);
  static void Prepare(Job& job);
  void Enter(const std::shared_ptr<Job>& job, WaitingItems* waiting);
  void LetBulkIn(size_t idle_executors, Clock::time_point now, Jobs* ended);
  std::optional<Batch> FormOfShadow(Jobs* ended);
  std::optional<Batch> FormOf(size_t profile, const DataLoading& loading, const Asker& asker, WaitingItems* from,
                              Jobs* ended);
  static Batch TakePlanned(const BatchPlan& plan, const WaitingItems::Listed& listed, size_t profile,
                           Clock::time_point now, WaitingItems* from);
  void Drop(const std::vector<BatchPart>& parts, Outcome outcome, Jobs* ended);
  static void Settle(const BatchPart& part, Outcome outcome, Jobs* ended);
  static void CountSettled(const BatchPart& part, Jobs* ended);
  static void TellEnded(Jobs ended);

  const BatchQueueOptions options_;
  const bool prefetches_;
  mutable std::mutex mutex_;
  std::condition_variable available_, prefetch_wanted_;
  // All below are guarded by mutex_.
  WaitingItems waiting_;
  WaitingItems shadow_;
  BulkLines bulk_;
  HelpedBatches helped_;
  OvertakenBatches overtaken_;
  std::deque<Batch> prefetched_;
  size_t prefetching_running_ = 0;          ///< batches that run, of profiles that prefetch
  std::optional<size_t> last_prefetching_;  ///< profile of the newest of them
  std::vector<ProfileShare> shares_;
  size_t idle_executors_ = 0;
  bool closed_ = false;
};

}  // namespace roberta::batching
