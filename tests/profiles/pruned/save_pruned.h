#pragma once

#include <string>

#include "absl/status/status.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::pruned {

/// Writes what `mask` keeps of the dense `checkpoint` as a pruned checkpoint into `directory`, which is new or empty.
/// Errors are those of PrunedTensors and SaveConverted.
absl::Status SavePruned(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                        const std::string& directory);

/// Writes a pruned `checkpoint` as the dense one that gives the same logits, with zeros for all that is pruned.
absl::Status SaveDense(const checkpoint::Checkpoint& checkpoint, const std::string& directory);

}  // namespace roberta::pruned
