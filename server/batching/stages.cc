#include "server/batching/stages.h"

#include <algorithm>

namespace roberta::batching {

std::vector<StageEnd> StagesOf(const std::vector<BatchTimes>& batches) {
  struct Change {
    Clock::time_point time;
    int forming;
    int running;
  };
  std::vector<Change> changes;
  changes.reserve(3 * batches.size());
  for (const BatchTimes& batch : batches) {
    changes.push_back({batch.taken, +1, 0});
    changes.push_back({batch.started, -1, +1});
    changes.push_back({batch.ended, 0, -1});
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.time < b.time; });

  std::vector<StageEnd> stages;
  int forming = 0, running = 0;
  for (const Change& change : changes) {
    const Stage stage = running > 0 ? Stage::kInfer : forming > 0 ? Stage::kForm : Stage::kQueue;
    if (!stages.empty() && stages.back().stage == stage) {
      stages.back().end = change.time;
    } else if (stages.empty() || stages.back().end != change.time) {
      stages.push_back({stage, change.time});
    }
    forming += change.forming;
    running += change.running;
  }
  return stages;
}

}  // namespace roberta::batching
