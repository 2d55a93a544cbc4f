#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/team/team.h"
#include "server/call/priority.h"

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

}  // namespace roberta::batching
