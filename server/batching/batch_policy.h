#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "server/batching/data_loading.h"
#include "server/batching/job.h"

namespace roberta::batching {

/// Those items of a job that wait together.
struct WaitingJob {
  size_t profile = 0;
  const void* weights = nullptr;
  Priority priority = Priority::kNormal;
  bool bulk = false;
  Clock::time_point enqueued;
  absl::Span<const size_t> lengths;  ///< in tokens, in the order in which they run; not empty
};

/// A profile's part of the executors' time, and what a token costs it.
struct ProfileShare {
  /// Time that it was given, on a scale of its own: only differences between profiles mean anything.
  int64_t spent_ns = 0;
  double ns_per_token = 100'000;
};

/// What a profile is charged for `tokens` of its own before it is known what they took.
int64_t ChargeOf(const ProfileShare& share, size_t tokens);

struct PolicyOptions {
  size_t max_batch_tokens = 2048;
  /// A batch of shadow traffic is small: a call that comes while it runs has to wait for it.
  size_t max_shadow_tokens = 128;
  /// How far an executor may let its last profile run ahead of another that waits: for so long the cost of reading
  /// other weights into the caches is saved.
  std::chrono::nanoseconds switch_allowance = std::chrono::milliseconds(20);
  /// After each such time in the queue an item counts as one priority higher.
  std::chrono::nanoseconds ageing_step = std::chrono::milliseconds(500);
  /// Items of so many tokens are long: short ones neither share a batch with them nor wait for one that runs. 0: none
  /// is. By default as many as make a batch efficient, so that a long item loses nothing by running without short ones
  /// (a roberta-base encoder reaches 98 % of its best rate with 192 tokens in a piece).
  size_t long_item_tokens = 192;
};

/// Who asks for a batch, and when.
struct Asker {
  Clock::time_point now;
  std::optional<size_t> last_profile;  ///< whose weights the executor used last
  size_t idle_executors = 1;           ///< that could work at once, the asker included; at least 1
};

/// A batch that runs, as executors see it that have nothing to run.
struct RunningBatch {
  size_t tokens = 0;   ///< 0: there is none
  size_t helpers = 0;  ///< executors that help with it
};

/// The one that another executor is to help with: that with the most tokens for each executor that is busy with it, the
/// first of several. Nothing if each has `most_helpers`. Pure, as all here.
std::optional<size_t> ChooseToHelp(absl::Span<const RunningBatch> running, size_t most_helpers);

/// The profile of the next batch.
struct ProfileChoice {
  size_t profile = 0;
  std::vector<int64_t> spent_ns;  ///< [profiles]: ProfileShare::spent_ns from now on, the batch not yet charged
};

/// Says whose turn it is, by the jobs that wait: for each profile and priority at least the oldest one; not empty. A
/// pure function of what it is given: no clock, no state.
///
/// - Priority. An item counts as one level higher for each `ageing_step` it has waited. Only profiles that have an item
///   at the highest level that occurs compete. So an item waits at most two steps before nothing counts as more urgent.
/// - Fair between profiles. Of those that compete, the one that was given the least time is next; an executor stays
///   with its last one while that is no more than `switch_allowance` ahead. So two profiles that compete all the time
///   differ by that and one batch an executor at most, however much waits for either. A profile that does not compete
///   saves nothing up: it starts again level with the one that was given the least. (Start-time fair queueing, Goyal et
///   al. 1996, with estimated time as the length of a packet.)
ProfileChoice ChooseProfile(absl::Span<const WaitingJob> oldest, absl::Span<const ProfileShare> shares,
                            const Asker& asker, const PolicyOptions& options);

/// The first items of a waiting job.
struct Pick {
  size_t job = 0;  ///< index among the waiting
  size_t items = 0;
  friend bool operator==(const Pick&, const Pick&) = default;
};

struct BatchPlan {
  std::vector<Pick> picks;   ///< not empty
  size_t tokens = 0;         ///< pads not included
  size_t padded_length = 0;  ///< 0: without padding
};

/// Items that a bucketed batch is chosen from at each priority, the oldest.
inline constexpr size_t kBucketedWindowItems = 512;

/// Says which items make the next batch: pure, as ChooseProfile. `waiting` are jobs of one profile, not empty:
/// for each priority the oldest, in any order, as many as could fill a batch; `waiting_tokens` are those of all that
/// waits, for any profile.
///
/// - The highest level goes first, and the oldest within a level. A batch has one `weights` and at most the profile's
///   `max_batch_tokens` tokens, or one longer item. Padded, it counts with its pads: items times the longest.
/// - It is either of long items or of short ones. If the first is short, long ones are passed over until their turn is
///   first; if it is long, the batch ends at the first short one.
/// - Packed and padded, it ends at the first item that does not fit: what needs more room is not overtaken.
/// - Bucketed (jobs of one item each), the first item is that one, so that none starves. Then come those of its level
///   whose length is nearest to its own, then those of the next level, while they fit and no more than a quarter of the
///   batch is padding. The batch is sorted by length.
/// - With several executors idle, a batch takes no more than its even part of all tokens that wait, one item at least.
BatchPlan PlanBatch(absl::Span<const WaitingJob> waiting, size_t waiting_tokens, const DataLoading& loading,
                    const Asker& asker, const PolicyOptions& options);

/// A batch whose executor can run others between two steps of it.
struct OvertakenBatch {
  Priority priority = Priority::kLow;  ///< of its most urgent item
  size_t tokens_left = 0;              ///< that may still overtake it
};

/// Whether short items need not wait for a batch whose first item is of `job`: for long items, for bulk and for shadow
/// traffic.
bool MayBeOvertaken(const Job& job, size_t first_length, const PolicyOptions& options);

/// Says which items run before `running` goes on, as PlanBatch does; no picks if none may: they are short, at least as
/// urgent as `running`, no bulk, and no more than it has tokens left for, one item at least.
BatchPlan PlanOvertaking(absl::Span<const WaitingJob> waiting, const OvertakenBatch& running,
                         const DataLoading& loading, const Asker& asker, const PolicyOptions& options);

}  // namespace roberta::batching
