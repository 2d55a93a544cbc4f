#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "profiles/registry/registry.h"
#include "server/admission/brown_out.h"
#include "server/batching/batch_queue.h"
#include "server/metrics/server_metrics.h"

namespace roberta::service {

struct BrownOutLadderOptions {
  std::vector<std::string> profiles;  ///< cheaper than the default, the first step first; each known to the registry
  size_t executors = 1;               ///< that share the work
  admission::BrownOutOptions thresholds;
  std::function<batching::Clock::time_point()> now = batching::Clock::now;
};

/// Says which profile answers calls that name none while pressure lasts: admission::BrownOut over the profiles that
/// there are and the work that waits. Pressure is the time that the executors will take for what waits in the queue,
/// BatchQueue::waiting_work over their number. A profile of the ladder that is not READY is no step of it, nor is one
/// that stands before the default profile or is it: a step never leads back up. Any thread may call; nothing blocks.
class BrownOutLadder {
 public:
  /// All must be there whenever the ladder is called.
  struct Parts {
    const registry::Registry* registry;
    const batching::BatchQueue* queue;
    metrics::ServerMetrics* metrics;
  };

  /// `changed`, if not nullptr, is called at every change of the level, under a lock: it must not call back.
  BrownOutLadder(BrownOutLadderOptions options, const Parts& parts,
                 const std::function<void(const admission::BrownOut::Change&)>& changed = nullptr);

  struct Step {
    size_t level = 0;  ///< at least 1
    registry::LoadedProfile profile;
  };
  /// The step that answers a call which names no profile and arrives now; nothing: the default profile does.
  std::optional<Step> Arrive();

  /// To be called whenever work was put into the queue, whoever it is for.
  void WorkArrived();

  /// The level now.
  size_t level();

 private:
  std::vector<registry::LoadedProfile> ReadySteps() const;
  size_t TellPressure(size_t steps);

  const BrownOutLadderOptions options_;
  const Parts parts_;
  admission::BrownOut brown_out_;
};

}  // namespace roberta::service
