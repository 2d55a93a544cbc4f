#pragma once

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::pruned {

/// Keeps of every layer the heads and neurons whose weights are largest (the sum of the squares of all that only they
/// use), the same number in each layer, so that at most `keep_macs` of the encoder's multiply-accumulates are left:
/// neurons in multiples of 64 (of 16 where the model has fewer than 1024), at least one head. A dense model's first
/// guess, made at load: it has not seen a text, and costs more accuracy than masks made from gradients.
/// InvalidArgument: keep_macs is not in (0, 1], the checkpoint is pruned already, or one of those weights is not a
/// finite number (names it).
absl::StatusOr<checkpoint::PruningMask> MaskByMagnitude(const checkpoint::Checkpoint& checkpoint, double keep_macs);

}  // namespace roberta::pruned
