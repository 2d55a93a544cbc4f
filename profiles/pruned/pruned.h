#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/part_times.h"

namespace roberta::pruned {

/// What to compute of `checkpoint`: all of one that is pruned already (see checkpoint::kPruningFile), of a dense one
/// what MaskByMagnitude keeps for `keep_macs`. Errors are that one's.
absl::StatusOr<checkpoint::PruningMask> MaskFor(const checkpoint::Checkpoint& checkpoint, double keep_macs);

/// The profile `pruned`: float32 without the heads and neurons that are pruned. `checkpoint` must outlive it. Errors
/// are those of MaskFor and encoder::LoadPackedClassifier.
absl::StatusOr<std::unique_ptr<const encoder::TimedProfile>> LoadPruned(const checkpoint::Checkpoint& checkpoint,
                                                                        double keep_macs);

}  // namespace roberta::pruned
