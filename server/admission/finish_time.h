#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "server/batching/batch_policy.h"
#include "server/batching/cost_model.h"
#include "server/call/priority.h"

namespace roberta::admission {

/// How the executors take work from the queue, as far as prediction needs it.
struct Discipline {
  size_t executors = 1;
  /// Idle executors help those that run a batch.
  bool split_lone_batches = false;
  batching::PolicyOptions policy;  ///< the queue's own

  /// Whether the items of a call are long: batches of long items let short ones overtake.
  bool IsLong(size_t items, size_t tokens) const {
    return policy.long_item_tokens > 0 && tokens >= items * policy.long_item_tokens;
  }
};

/// The work of one profile.
struct ProfileWork {
  batching::BatchCost cost;
  std::array<double, call::kCallPriorities> tokens = {};  ///< that wait, by priority
  double arriving_per_ns = 0;                             ///< tokens that arrived recently, per time
};

/// A call whose finish time is to be predicted. Its tokens are not among those that wait.
struct PendingCall {
  size_t profile = 0;
  call::Priority priority = call::Priority::kNormal;  ///< not kShadow
  size_t items = 1;
  size_t tokens = 0;
};

/// Predicts when the last item of `call` will have run if it joins the queue now, in nanoseconds from now. It runs
/// behind work of its own profile that is at least as urgent, behind more urgent work of other profiles, and, since
/// profiles get equal shares of time, behind as much equally urgent work of each other profile as it and its own
/// profile's make. Work that arrives while it waits joins its last batch, as far as that has room. A call that leaves
/// an executor idle is helped. `running_ns` is the time that each running batch still needs; if these are more than the
/// executors, the shortest are overtaking the longest. A pure function.
double FinishNs(const PendingCall& call, const std::vector<ProfileWork>& profiles, std::vector<double> running_ns,
                const Discipline& discipline);

/// Predicts when all that waits and runs will be done.
double DrainNs(const std::vector<ProfileWork>& profiles, const std::vector<double>& running_ns,
               const Discipline& discipline);

}  // namespace roberta::admission
