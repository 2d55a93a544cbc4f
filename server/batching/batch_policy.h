#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "server/batching/batch.h"
#include "server/batching/caller_turns.h"

namespace roberta::batching {

/// How a batch is made of the items that wait, and how it is computed.
enum class LoadingStrategy {
  kPadded,    ///< in the order of arrival, each sequence padded to the longest of its batch
  kBucketed,  ///< sequences of nearly the same length together, then padded
  kPacked,    ///< in the order of arrival, without padding
};

inline constexpr std::array<const char*, 3> kLoadingStrategyNames = {"padded", "bucketed", "packed"};

/// How the batches of a profile are made.
struct DataLoading {
  LoadingStrategy strategy = LoadingStrategy::kPacked;
  /// Pads included. Absent: by what is efficient, at most PolicyOptions::max_batch_tokens; see TokenBudget.
  std::optional<size_t> max_batch_tokens;
  /// While an executor runs a batch of this profile, another thread forms the next batch, of whatever profile. Work
  /// that arrives later cannot overtake a batch that was formed early.
  bool prefetch = false;
};

/// Items of a job that wait together.
struct WaitingJob {
  size_t profile = 0;
  const Backend* backend = nullptr;
  Priority priority = Priority::kNormal;
  bool bulk = false;
  CallerTurns::Place place = 0;
  Clock::time_point enqueued;
  absl::Span<const size_t> lengths;  ///< in tokens, in the order in which they run; not empty
};

struct PolicyOptions {
  size_t max_batch_tokens = 2048;
  /// Batches of shadow traffic are small, because a call that arrives while one runs has to wait for it.
  size_t max_shadow_tokens = 128;
  /// How much more time than another profile that waits an executor's last profile may have had before the executor
  /// switches: until then it saves reading other weights into its caches.
  std::chrono::nanoseconds switch_allowance = std::chrono::milliseconds(20);
  /// For each such time that an item has waited it counts as one priority higher.
  std::chrono::nanoseconds ageing_step = std::chrono::milliseconds(500);
  /// Items of at least so many tokens are long: short items neither share a batch with them nor wait for one that runs.
  /// 0: no item is long. The default is what makes a batch efficient, so that a long item loses nothing by running
  /// without short ones (a roberta-base encoder reaches 98 % of its best rate with 192 tokens at a time).
  size_t long_item_tokens = 192;
};

/// The executor that a batch is formed for, and the time.
struct BatchRequest {
  Clock::time_point now;
  std::optional<size_t> last_profile = {};  ///< whose weights the executor used last
  size_t executors = 1;                     ///< all that there are, whether they are idle or not
  size_t running_tokens = 0;                ///< of the batches that the others run
};

/// A batch that runs, as idle executors see it.
struct RunningBatch {
  size_t tokens = 0;   ///< 0: there is none
  size_t helpers = 0;  ///< executors that help with it
};

/// The batch that an idle executor helps with: the one with the most tokens per executor that works on it, the first of
/// several. Nothing if each has `most_helpers`. A pure function, as all in this file.
std::optional<size_t> ChooseToHelp(absl::Span<const RunningBatch> running, size_t most_helpers);

/// The profile of the next batch.
struct ProfileTurn {
  size_t profile = 0;
  std::vector<int64_t> spent_ns;  ///< [profiles]: the new values, before the batch is charged
};

/// Decides which profile has the next batch. `oldest` holds at least the oldest waiting job of each profile and
/// priority (by their places), and is not empty. `spent_ns` [profiles] is the executor time that each profile has had;
/// only differences mean anything. A pure function: no clock, no state.
///
/// - Priority. An item counts as one level higher for each `ageing_step` that it has waited. Only the profiles that
///   have an item at the highest level compete. So after two steps no item counts as more urgent than one that waits.
/// - Fairness between profiles. Of the competing profiles, the one that has had the least time is next; an executor
///   stays with its last profile while that has had no more than `switch_allowance` more. So the times of two profiles
///   that compete all the time differ by at most that and one batch per executor, however much waits for either. A
///   profile that does not compete saves up nothing: it starts again level with the one that has had the least.
///   (Start-time fair queueing, Goyal et al. 1996, with estimated time as the length of a packet.)
ProfileTurn NextProfile(absl::Span<const WaitingJob> oldest, absl::Span<const int64_t> spent_ns,
                        const BatchRequest& request, const PolicyOptions& options);

/// The first items of a waiting job.
struct Pick {
  size_t job = 0;  ///< index among the waiting
  size_t items = 0;
  friend bool operator==(const Pick&, const Pick&) = default;
};

/// What the batches of a profile are filled to while not much more waits: `loading.max_batch_tokens`, or else the least
/// tokens that were measured to make a batch efficient (see BatchCost), at most PolicyOptions::max_batch_tokens.
size_t EfficientTokens(size_t measured, const DataLoading& loading, const PolicyOptions& options);

/// The most tokens that a batch may have, if it is not one longer item.
struct TokenBudget {
  size_t tokens = 0;         ///< pads not included
  size_t padded_tokens = 0;  ///< pads included

  size_t packed() const { return std::min(tokens, padded_tokens); }
};

/// The budget of the next batch. It takes the even part, over all executors, of what waits and what runs, so that no
/// executor takes what another one will be free for; but with its pads at most `efficient_tokens`, because beyond these
/// callers wait longer for hardly more speed. Where so much waits that they wait for several batches anyway, a batch
/// may be a quarter of the even part. `waiting_tokens` counts all that wait, for any profile.
TokenBudget BudgetOf(size_t waiting_tokens, size_t efficient_tokens, const DataLoading& loading,
                     const BatchRequest& request, const PolicyOptions& options);

struct BatchPlan {
  std::vector<Pick> picks;   ///< not empty
  size_t tokens = 0;         ///< pads not included
  size_t padded_length = 0;  ///< 0: without padding
};

/// A bucketed batch is chosen from so many of the oldest items of each priority.
inline constexpr size_t kBucketedWindowItems = 512;

/// Decides which items make the next batch. `waiting` holds jobs of one profile and is not empty: for each priority the
/// oldest, in any order, as many as `budget` could hold.
///
/// - The highest level goes first, and within a level the first place, and of one place the oldest item. No item has a
///   higher level than one of its priority that has a place before it: what waits for other work of its own caller
///   becomes no more urgent by that. All items of a batch have the same backend, and are together within `budget`,
///   unless it is one longer item. With its pads a batch has its items times the longest.
/// - A batch has either long items or short ones. If the first item is short, long items are skipped and keep their
///   turn; if it is long, the batch ends at the first short item.
/// - A packed or padded batch ends at the first item that does not fit, so that larger items are not overtaken.
/// - In a bucketed batch (jobs of one item each) the first item is the same, so that none starves. Then come the items
///   of its level whose length is nearest to its own, then those of the next level, while they fit and no more than a
///   quarter of the batch is padding. The batch is sorted by length.
BatchPlan PlanBatch(absl::Span<const WaitingJob> waiting, const TokenBudget& budget, LoadingStrategy strategy,
                    const BatchRequest& request, const PolicyOptions& options);

/// A batch that runs, between two steps of which its executor can run other batches.
struct OvertakenBatch {
  Priority priority = Priority::kLow;  ///< of its most urgent item
  size_t tokens_left = 0;              ///< so many tokens may still overtake it
};

/// Whether short items may overtake a batch whose first item belongs to `job`: if it is long, bulk work or shadow
/// traffic.
bool MayBeOvertaken(const Job& job, size_t first_length, const PolicyOptions& options);

/// Decides, as PlanBatch does, which items run before `running` continues; no picks if none may. They are short, at
/// least as urgent as `running`, no bulk work, and no more than `budget` and the tokens it has left, but at least one
/// item.
BatchPlan PlanOvertaking(absl::Span<const WaitingJob> waiting, const OvertakenBatch& running, TokenBudget budget,
                         LoadingStrategy strategy, const BatchRequest& request, const PolicyOptions& options);

}  // namespace roberta::batching
