#pragma once

#include <vector>

#include "server/batching/job.h"

namespace roberta::batching {

/// What happens to a job between its push and its last outcome.
enum class Stage { kQueue, kForm, kInfer };

struct StageEnd {
  Stage stage;
  Clock::time_point end;
  friend bool operator==(const StageEnd&, const StageEnd&) = default;
};

/// Puts the batches of a job, which may overlap, into one sequence of stages: kInfer while any of them runs, else kForm
/// while any is being put together, else kQueue. The first stage begins when the job was pushed, each other where the
/// one before it ends; the last one ends with the last batch. In the order of time; empty without batches.
std::vector<StageEnd> StagesOf(const std::vector<BatchTimes>& batches);

}  // namespace roberta::batching
