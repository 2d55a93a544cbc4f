#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "profiles/registry/registry.h"
#include "server/admission/brown_out.h"
#include "server/service/parts.h"

namespace roberta::service {

struct BrownOutLadderOptions {
  std::vector<std::string> profiles;  ///< cheaper than the default, the first step first; each known to the registry
  size_t executors = 1;               ///< executors that share the work
  admission::BrownOutOptions thresholds;
  std::function<batching::Clock::time_point()> now = batching::Clock::now;
};

/// Decides which profile answers calls that name no profile while the server is under pressure: admission::BrownOut
/// with the profiles of the ladder and the work that waits. Pressure is the time that the executors need for what waits
/// in the queue: BatchQueue::waiting_work divided by their number. Profiles of the ladder that are not READY are
/// skipped, and so are the default profile and those before it: a step never leads to a better profile. Any thread may
/// call; nothing blocks.
class BrownOutLadder {
 public:
  /// The registry, the queue and the metrics must exist whenever the ladder is called. `changed`, if not nullptr, is
  /// called at every change of the level, under a lock: it must not call back.
  BrownOutLadder(BrownOutLadderOptions options, Parts parts,
                 const std::function<void(const admission::BrownOut::Change&)>& changed = nullptr);

  struct Step {
    size_t level = 0;  ///< at least 1
    registry::LoadedProfile profile;
  };
  /// The step that answers a call which names no profile and arrives now; nothing: the default profile answers it.
  std::optional<Step> Arrive();

  /// Must be called whenever work was added to the queue, for whatever profile.
  void WorkArrived();

  /// The level now.
  size_t level();

 private:
  std::vector<registry::LoadedProfile> ReadySteps() const;
  size_t ReportPressure(size_t steps);

  const BrownOutLadderOptions options_;
  const Parts parts_;
  admission::BrownOut brown_out_;
};

}  // namespace roberta::service
