#pragma once

#include <string>

#include "absl/status/status.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::pruned {

/// Writes what `mask` keeps of the dense `checkpoint` as a pruned checkpoint (see checkpoint::kPruningFile) into
/// `directory`, which is made if it is not there: config.json, vocabulary files, model.safetensors with every tensor in
/// the dtype it had, and pruning.json last. Files are replaced whole or not at all. Errors name the file and the
/// reason; InvalidArgument for a checkpoint that is pruned already, or a mask that is not one of its config.
absl::Status SavePruned(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                        const std::string& directory);

/// Writes a pruned `checkpoint` as the dense one that gives the same logits, with zeros for all that is pruned: what
/// every other tool reads. Otherwise as SavePruned. InvalidArgument if the checkpoint is not pruned.
absl::Status SaveDense(const checkpoint::Checkpoint& checkpoint, const std::string& directory);

}  // namespace roberta::pruned
