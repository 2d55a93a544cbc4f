#pragma once

#include <array>
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

namespace roberta::batching {

using Clock = std::chrono::steady_clock;

/// How urgent a call is: the three that calls may ask for, the least urgent first, and what stands below all of them.
enum class Priority {
  kLow,
  kNormal,
  kHigh,
  kShadow,  ///< nobody waits for it: it runs when no other call waits, however long that takes, and takes no one's room
};

inline constexpr size_t kPriorities = 4;
inline constexpr std::array<const char*, kPriorities> kPriorityNames = {"low", "normal", "high", "shadow"};

/// What computes a batch.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Computes `outputs`, row-major [lengths.size(), Job::outputs_per_item], of sequences of the given lengths whose
  /// tokens stand one after another in `token_ids`; unless 0, at the cost of `padded_length` tokens each. Returns a
  /// status per sequence; where it is not ok that row is not to be used. `team`, unless it is nullptr, may be given
  /// parts of the work, which must not change the outputs. Must not throw. Any number of threads may call.
  virtual std::vector<absl::Status> Run(absl::Span<const int32_t> token_ids, absl::Span<const size_t> lengths,
                                        size_t padded_length, absl::Span<float> outputs, team::Team* team) const = 0;
};

/// What became of an item. Each gets exactly one of these other than kNone before its job is done.
enum class Outcome {
  kNone,
  kRan,        ///< its status says how
  kExpired,    ///< the deadline passed while it waited; never run
  kCancelled,  ///< cancelled while it waited; never run
};

struct ItemResult {
  Outcome outcome = Outcome::kNone;
  absl::Status status;  ///< of an item that ran: ok, or why its outputs are not to be used
};

/// When a batch that carried items of a job was taken from the queue, was handed to the backend, and had its outputs in
/// place.
struct BatchTimes {
  Clock::time_point taken;
  Clock::time_point started;
  Clock::time_point ended;
  friend bool operator==(const BatchTimes&, const BatchTimes&) = default;
};

/// One call's items: sequences for one backend that wait together and end together, though they may run in several
/// batches, at the same time on several executors. Results stand in the order of the items.
struct Job {
  // Given by whoever pushes it, and left alone until `done`.
  size_t profile = 0;             ///< below BatchQueueOptions::profiles: what is fair is fair between these
  const void* weights = nullptr;  ///< jobs may share a batch if they agree in this; their backends are then alike
  Priority priority = Priority::kNormal;
  Clock::time_point deadline = Clock::time_point::max();  ///< from then on no item of it is run
  const std::atomic<bool>* cancelled = nullptr;           ///< may be set by any thread at any time; nullptr: never
  std::shared_ptr<const Backend> backend;
  std::vector<int32_t> token_ids;  ///< of all items, one after another
  std::vector<size_t> lengths;     ///< [items], in tokens; not empty
  size_t outputs_per_item = 0;
  bool bulk = false;  ///< set by BatchQueue::PushBulk
  /// Called exactly once, when every item has its outcome, without any lock; must not throw or block. It is destroyed
  /// after the call, and so may own what owns the job.
  absl::AnyInvocable<void(Job&)> done;

  // Filled by the queue; complete in `done`.
  std::vector<float> outputs;       ///< [items, outputs_per_item]
  std::vector<ItemResult> results;  ///< [items]
  std::vector<BatchTimes> batches;  ///< that carried an item of it, in the order in which they ended
  size_t largest_batch_items = 0;   ///< in the largest of them, those of other jobs included
  size_t unsettled_items = 0;       ///< guarded by the queue's mutex
};

inline bool IsCancelled(const Job& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

}  // namespace roberta::batching
