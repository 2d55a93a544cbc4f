#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "server/batching/batch.h"
#include "server/batching/batch_former.h"
#include "server/batching/batch_policy.h"
#include "server/batching/running_batches.h"

namespace roberta::batching {

enum class PushResult { kTaken, kFull, kClosed };

/// Where jobs wait for executors. NextProfile and PlanBatch decide which items run next. No batch is ever delayed: an
/// executor that asks for one while anything waits gets it at once. Every item of a job that was pushed gets exactly
/// one outcome, and its `done` is called exactly once; this holds after Close, too, as long as somebody takes batches.
/// Any thread may call anything.
///
/// Items past their deadline are dropped whenever a batch is formed, wherever they are in the queue. Items of cancelled
/// jobs are dropped at the latest when their turn comes, and earlier where the queue finds them: it looks at some of
/// the waiting items with every batch. Dropped items never run.
///
/// An executor that asks for a batch while nothing waits helps another one with its batch, if it may (see Batch::work),
/// until that has run or something waits.
///
/// While no executor is idle, short items need not wait until a batch of long ones has run: the executor that runs it
/// takes them between two steps with TakeOvertaking (see PlanOvertaking).
///
/// Shadow traffic waits apart from the rest: it does not age and runs only when nothing else waits, the oldest first,
/// in batches of at most PolicyOptions::max_shadow_tokens. It does not count against the capacities, and no profile is
/// charged for it.
class BatchQueue {
 public:
  explicit BatchQueue(BatchQueueOptions options);
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  /// Adds `job`, or returns at once why not: the queue has no room for it or is closed. Its `done` is then never
  /// called, and it is unchanged. An empty queue takes any job, so that none is refused forever.
  PushResult Push(const std::shared_ptr<Job>& job) { return Add(job, /*bulk=*/false); }

  /// Adds a job of bulk work, which is never refused for want of room: the caller bounds it. It waits in a line outside
  /// the capacities until an executor asks for a batch and less bulk work of its profile and priority waits inside than
  /// that executor would run, `bulk_batch_tokens`; only from then on does it compete, and age. So however much bulk
  /// work there is, other calls find the queue nearly empty and soon an idle executor. kTaken or kClosed.
  PushResult PushBulk(const std::shared_ptr<Job>& job) { return Add(job, /*bulk=*/true); }

  /// The next batch for an executor that ran `last_profile` before. Waits for one, and helps others meanwhile. Nothing:
  /// the queue is closed and nothing waits any more.
  std::optional<Batch> Take(std::optional<size_t> last_profile);
  /// The same without waiting: nothing if nothing can run now.
  std::optional<Batch> TryTake(std::optional<size_t> last_profile);
  /// Short items that the executor of the batch in `place` must run before it continues; nothing if there are none.
  /// Call it when place->wanted(). The returned batch cannot be overtaken itself.
  std::optional<Batch> TakeOvertaking(OvertakenPlace* place);

  /// Whether a profile prefetches: a thread must then call Prefetch again and again.
  bool prefetches() const { return prefetches_; }
  /// Waits until there is a batch to form early: a profile that prefetches runs, no executor is idle and something
  /// waits. Then forms it for the executor that is free first. False: the queue is closed.
  bool Prefetch();
  /// The same without waiting: does nothing if there is no batch to form.
  void TryPrefetch();

  /// Gives the items of `batch` their outcomes.
  void Complete(const Batch& batch, BatchRun run);

  /// From now on nothing is added.
  void Close();

  /// The rate of a profile on one executor was measured, and what makes its batches efficient; see BatchCost::Seed.
  void SeedCost(size_t profile, double ns_per_token, size_t efficient_tokens = kUsualEfficientTokens);

  /// Whether executors may help each other with batches of `profile`; at first they may.
  void SetSplits(size_t profile, bool splits);

  using Depth = BatchFormer::Depth;
  Depth depth() const;
  /// What a watchdog asks: whether anything waits or runs, and how many batches have ended since the start.
  struct Progress {
    bool has_work = false;
    uint64_t batches_ended = 0;
  };
  Progress progress() const;
  /// The time that one executor would need for what waits, without shadow traffic, by what batches of each profile
  /// cost. Takes time proportional to the number of profiles.
  Clock::duration waiting_work() const;
  /// Executors that wait in Take, or help.
  size_t idle_executors() const;
  size_t capacity_items() const { return options_.capacity_items; }
  const std::function<Clock::time_point()>& now() const { return options_.now; }

 private:
  using Jobs = std::vector<std::shared_ptr<Job>>;

  // Lock, wake-up.
  PushResult Add(const std::shared_ptr<Job>& job, bool bulk);
  bool MayPrefetch() const {
    return former_.calls_wait() && former_.formed_early() < prefetching_running_ && !closed_ && idle_executors_ == 0;
  }
  void CallHelpersBackUnlessOneWaits();
  void Help(std::unique_lock<std::mutex>* lock);
  void WantOvertaking();
  std::optional<Batch> Next(std::optional<size_t> last_profile, size_t idle_executors);
  void Start(const Batch& batch);

  // Settlement: `ended` gets the jobs that now have all of their outcomes.
  void SettleDropped(Jobs* ended);
  static void CountSettled(const BatchPart& part, Jobs* ended);
  static void CallDone(Jobs ended);

  const BatchQueueOptions options_;
  const bool prefetches_;
  mutable std::mutex mutex_;
  std::condition_variable available_, prefetch_wanted_;
  // All below are guarded by mutex_.
  BatchFormer former_;
  std::vector<bool> splits_;  ///< [profiles]
  HelpedBatches helped_;
  OvertakenBatches overtaken_;
  size_t running_ = 0;  ///< batches
  uint64_t batches_ended_ = 0;
  size_t prefetching_running_ = 0;          ///< batches that run, of profiles that prefetch
  std::optional<size_t> last_prefetching_;  ///< profile of the newest of them
  size_t idle_executors_ = 0;
  bool closed_ = false;
};

}  // namespace roberta::batching
