#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/team/team.h"
#include "server/batching/cost_model.h"
#include "server/call/call.h"

namespace roberta::batching {

using Clock = std::chrono::steady_clock;

using call::kPriorities;
using call::Priority;

/// Computes batches.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Computes `outputs`, row-major [lengths.size(), Job::outputs_per_item], of sequences of the given lengths whose
  /// tokens follow one another in `token_ids`. Each sequence is padded to `padded_length` tokens unless that is 0.
  /// Returns a status per sequence; if it is not ok, its row must not be used. Parts of the work may be given to `team`
  /// unless it is nullptr, which must not change the outputs. Must not throw. Any number of threads may call.
  virtual std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                        size_t padded_length, absl::Span<float> outputs, team::Team* team) const = 0;
};

/// What happened to an item. Each item gets exactly one outcome other than kNone before its job is done.
enum class Outcome {
  kNone,
  kRan,        ///< with the status ItemResult::status
  kExpired,    ///< the deadline passed while it waited; never run
  kCancelled,  ///< cancelled while it waited; never run
};

struct ItemResult {
  Outcome outcome = Outcome::kNone;
  absl::Status status;  ///< of an item that ran: ok, or why its outputs are not to be used
};

/// When a batch with items of a job was taken from the queue, was passed to its backend, and had written its outputs.
struct BatchTimes {
  Clock::time_point taken;
  Clock::time_point started;
  Clock::time_point ended;
  friend bool operator==(const BatchTimes&, const BatchTimes&) = default;
};

/// The items of one call: sequences for one backend that wait together and end together, though they may run in several
/// batches, at the same time on several executors. Results are in the order of the items.
struct Job {
  // Set by the caller that pushes it, and not changed until `done`.
  size_t profile = 0;  ///< below BatchQueueOptions::profiles; the queue is fair between profiles
  Priority priority = Priority::kNormal;
  size_t caller = 0;  ///< security::Caller::index; the queue is fair between callers
  Clock::time_point deadline = Clock::time_point::max();  ///< from then on its items no longer run
  const std::atomic<bool>* cancelled = nullptr;           ///< any thread may set it at any time; nullptr: never
  std::shared_ptr<const Backend> backend;                 ///< only jobs with the same backend share a batch
  std::vector<int32_t> token_ids;                         ///< of all items, one after another
  std::vector<size_t> lengths;                            ///< [items], in tokens; not empty
  size_t outputs_per_item = 0;
  bool bulk = false;  ///< set by BatchQueue::PushBulk
  /// Called exactly once, when every item has its outcome, without any lock; must not throw or block. It is destroyed
  /// after that call, and so may own the owner of the job.
  absl::AnyInvocable<void(Job&)> done;

  // Filled by the queue; complete in `done`.
  std::vector<float> outputs;       ///< [items, outputs_per_item]
  std::vector<ItemResult> results;  ///< [items]
  std::vector<BatchTimes> batches;  ///< that had items of this job, in the order in which they ended
  size_t largest_batch_items = 0;   ///< in the largest of these batches, with items of other jobs
  size_t unsettled_items = 0;       ///< guarded by the queue's mutex
};

inline bool IsCancelled(const Job& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

/// Consecutive items of one job.
struct BatchPart {
  std::shared_ptr<Job> job;
  size_t first_item = 0;
  size_t items = 0;
  size_t first_token = 0;
  size_t tokens = 0;
};

/// The sequences of several parts, one after another.
struct GatheredTokens {
  std::vector<int32_t> token_ids;
  std::vector<size_t> lengths;
};

class OvertakenPlace;

/// The sequences that an executor runs together: parts of jobs with the same profile and backend. Whoever takes a batch
/// must pass it to BatchQueue::Complete exactly once.
struct Batch {
  size_t profile = 0;
  std::vector<BatchPart> parts;
  size_t items = 0;
  size_t tokens = 0;
  size_t padded_length = 0;  ///< 0: without padding
  Clock::time_point taken;
  int64_t charged_ns = 0;
  std::shared_ptr<const GatheredTokens> gathered;  ///< if that was done early
  team::SharedWork* work = nullptr;                ///< the queue's, with which other executors help; nullptr: none may
  OvertakenPlace* overtaken = nullptr;             ///< the queue's, if short items may overtake; nullptr: they may not
};

/// The result of a batch; the outputs are in the jobs.
struct BatchRun {
  std::vector<absl::Status> statuses;  ///< [Batch::items]
  Clock::time_point started;           ///< when it was passed to the backend
  Clock::time_point ended;
  Clock::duration helped{0};     ///< total time that other executors spent on it; filled in by the queue
  Clock::duration overtaken{0};  ///< time between `started` and `ended` that its executor spent on other batches

  /// The time that its own executor spent on it.
  Clock::duration own_time() const { return ended - started - overtaken; }
};

/// Removes the parts of `batch` whose jobs are cancelled or past their deadline at Batch::taken, which may leave it
/// empty.
void RemoveUnwanted(Batch* batch, std::vector<BatchPart>* expired, std::vector<BatchPart>* cancelled);

GatheredTokens Gather(const Batch& batch);

/// Runs the sequences of `batch` through its backend together, with `team`, and writes the outputs into the jobs. `now`
/// is the clock. What a backend computes for a sequence must not depend on the others.
BatchRun RunBatch(const Batch& batch, const std::function<Clock::time_point()>& now, team::Team* team = nullptr);

/// The end of one phase of a job between its push and its last outcome.
struct PhaseEnd {
  call::Phase phase;  ///< kQueue, kForm or kInfer
  Clock::time_point end;
  friend bool operator==(const PhaseEnd&, const PhaseEnd&) = default;
};

/// Puts the batches of a job, which may overlap, into one sequence of phases: kInfer while any of them runs, else kForm
/// while any is put together, else kQueue. The first phase begins when the job was pushed, every other one where the
/// previous one ends; the last one ends with the last batch. In the order of time; empty without batches.
std::vector<PhaseEnd> PhasesOf(const std::vector<BatchTimes>& batches);

/// Reports what goes through a BatchQueue, in the order in which it happens and under the queue's lock: an observer
/// must be quick and must not call the queue.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  /// All items of `job` wait from now on.
  virtual void Queued(const Job& job) = 0;
  /// The items of `part` no longer wait: they are about to run, or were dropped.
  virtual void Left(const BatchPart& part) = 0;
  /// An executor has `batch`, since Batch::taken.
  virtual void Started(const Batch& batch) = 0;
  virtual void Ended(const Batch& batch, const BatchRun& run) = 0;
  /// The queue has learned, or was told, what batches of a profile cost: `cost` is the model that it decides by.
  virtual void CostChanged(size_t /*profile*/, const BatchCost& /*cost*/) {}
};

}  // namespace roberta::batching
