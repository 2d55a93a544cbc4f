#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

#include "server/admission/cost_model.h"

namespace roberta::admission {

/// Levels of priority, the least urgent first.
inline constexpr size_t kLevels = 3;

/// How the executors take work from the queue, as far as it matters here (see batching::PlanBatch).
struct Discipline {
  size_t executors = 1;
  size_t max_batch_tokens = 2048;
  /// After each such time of waiting, work counts as one level more urgent.
  std::chrono::nanoseconds ageing_step = std::chrono::milliseconds(500);
  /// Executors that idle help those that run a batch.
  bool split_lone_batches = false;
  /// Items of so many tokens are long: batches of them let short ones run in between. 0: none is.
  size_t long_item_tokens = 0;

  bool IsLong(size_t items, size_t tokens) const { return long_item_tokens > 0 && tokens >= items * long_item_tokens; }
};

/// What one profile has to do.
struct ProfileWork {
  BatchCost cost;
  std::array<double, kLevels> tokens = {};  ///< that wait, by level
  double arriving_per_ns = 0;               ///< tokens that join the queue, of late
};

/// A call whose end is to be foretold. Its tokens are not among those that wait.
struct Newcomer {
  size_t profile = 0;
  size_t level = 1;
  size_t items = 1;
  size_t tokens = 0;
};

/// When the last item of `call` will have run, in nanoseconds from now, if it joins the queue now: behind what is at
/// least as urgent in its own profile; behind what is more urgent in others; and, since profiles get equal shares,
/// behind as much work of each other profile as it and its own profile's work ahead of it make. What arrives while it
/// waits joins its last batch, as far as that has room. A call that leaves an executor idle is helped. `running_ns` is
/// the time that each batch that runs still needs; where these are more than executors, the shortest are overtaking the
/// longest. A pure function.
double FinishNs(const Newcomer& call, const std::vector<ProfileWork>& profiles, std::vector<double> running_ns,
                const Discipline& discipline);

/// When all that waits and runs will be done.
double DrainNs(const std::vector<ProfileWork>& profiles, const std::vector<double>& running_ns,
               const Discipline& discipline);

}  // namespace roberta::admission
