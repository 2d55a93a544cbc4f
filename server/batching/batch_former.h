#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"
#include "server/batching/cost_model.h"
#include "server/batching/waiting_items.h"

namespace roberta::batching {

struct BatchQueueOptions {
  size_t profiles = 1;
  size_t executors = 1;  ///< that take batches
  size_t capacity_items = 16384;
  size_t capacity_tokens = 1 << 20;
  size_t bulk_batch_tokens = 512;  ///< see BatchQueue::PushBulk: larger batches are hardly more efficient
  size_t most_helpers = 0;         ///< executors that may help another with its batch; 0: none ever does
  PolicyOptions policy;
  std::vector<DataLoading> loading;  ///< of the first profiles; the others have the default
  std::function<Clock::time_point()> now = Clock::now;
  QueueObserver* observer = nullptr;  ///< must outlive the queue; nullptr: none
};

/// The work that waits in a BatchQueue, from which it forms batches: NextProfile and PlanBatch decide which items are
/// next. Not thread-safe: the queue calls it under its lock.
class BatchFormer {
 public:
  /// `options` must outlive this.
  explicit BatchFormer(const BatchQueueOptions& options);

  /// Whether the capacities allow `job` too. An empty queue has room for any job, so that none is refused forever.
  bool HasRoomFor(const Job& job) const;
  /// All items of `job` wait from now on; shadow traffic waits apart from the rest.
  void Add(const std::shared_ptr<Job>& job);
  /// `job` waits outside the capacities until an executor needs bulk work.
  void AddBulk(const std::shared_ptr<Job>& job) { bulk_.Add(job); }

  /// The next batch for one of `idle_executors`: one that was formed early, else one of calls, else one of shadow
  /// traffic. Nothing if nothing can run.
  std::optional<Batch> Form(std::optional<size_t> last_profile, size_t idle_executors);
  /// Short items that may overtake `running`; nothing if there are none.
  std::optional<Batch> FormOvertaking(const OvertakenBatch& running);
  /// Forms a batch early, for the next executor that calls Form.
  void FormEarly(std::optional<size_t> last_profile);
  size_t formed_early() const { return early_.size(); }

  /// Corrects the charge of `batch`, and learns what batches of its profile cost.
  void BatchEnded(const Batch& batch, const BatchRun& run);
  /// See BatchCost::Seed.
  void SeedCost(size_t profile, double ns_per_token, size_t efficient_tokens);

  /// Items that were found cancelled or past their deadline since the last call, with kCancelled or kExpired.
  using Dropped = std::vector<std::pair<BatchPart, Outcome>>;
  Dropped TakeDropped() { return std::exchange(dropped_, {}); }

  /// Whether anything but shadow traffic waits to be formed.
  bool calls_wait() const { return !waiting_.empty() || !bulk_.empty(); }
  bool nothing_waits() const { return !calls_wait() && shadow_.empty() && early_.empty(); }
  /// Whether items wait that could overtake a batch.
  bool items_wait() const { return !waiting_.empty(); }

  /// What waits now. Does not include items whose batch was formed, or bulk work that waits outside the capacities.
  struct Depth {
    std::vector<std::array<size_t, kPriorities>> items;  ///< [profiles]
    std::vector<size_t> tokens;                          ///< [profiles], without shadow traffic
    Clock::duration oldest_age = {};                     ///< 0 if nothing but shadow traffic waits
  };
  Depth depth() const;
  /// The time that one executor would need for what waits, without shadow traffic.
  Clock::duration waiting_work() const;

  const DataLoading& LoadingOf(size_t profile) const;

 private:
  BatchRequest RequestNow(std::optional<size_t> last_profile) const;
  TokenBudget BudgetNow(size_t profile, const WaitingItems& waiting, const BatchRequest& request) const;
  size_t EfficientTokensOf(size_t profile) const;
  std::optional<Batch> TakeEarly();
  std::optional<Batch> FormOfCalls(const BatchRequest& request, size_t idle_executors);
  std::optional<Batch> FormOfShadow(const BatchRequest& request);
  std::optional<Batch> FormOf(size_t profile, const TokenBudget& budget, const BatchRequest& request,
                              WaitingItems* from);
  Batch TakePlanned(const BatchPlan& plan, const WaitingItems::Listed& listed, size_t profile, Clock::time_point now,
                    WaitingItems* from);
  void Charge(Batch* batch);
  void ReportCost(size_t profile) const;
  void Enter(const std::shared_ptr<Job>& job, WaitingItems* waiting);
  void LetBulkIn(size_t idle_executors, Clock::time_point now);
  void DropUnwanted(WaitingItems* from, Clock::time_point now);
  void Drop(const std::vector<BatchPart>& parts, Outcome outcome);

  const BatchQueueOptions& options_;
  WaitingItems waiting_;
  WaitingItems shadow_;
  BulkLines bulk_;
  std::deque<Batch> early_;        ///< formed early
  size_t running_tokens_ = 0;      ///< of batches that run, and of those that were formed early
  std::vector<int64_t> spent_ns_;  ///< [profiles]: see NextProfile
  std::vector<BatchCost> costs_;   ///< [profiles]
  Dropped dropped_;
};

}  // namespace roberta::batching
