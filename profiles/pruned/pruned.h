#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"

namespace roberta::pruned {

/// Neurons go in groups of that size, as the kernels compute them: 64, or 16 where a layer has fewer than 1024.
size_t NeuronGroup(const checkpoint::ModelConfig& config);

/// Keeps of every layer the heads and neurons whose weights are largest (the sum of the squares of all that only they
/// use), the same number in each layer, so that at most `keep_macs` of the encoder's multiply-accumulates are left:
/// neurons in whole groups, at least one head. A dense model's first guess, made at load: it has not seen a text, and
/// costs more accuracy than masks made from gradients.
/// InvalidArgument: keep_macs is not in (0, 1], the checkpoint is pruned already, or a weight is not finite (names it).
absl::StatusOr<checkpoint::PruningMask> MaskByMagnitude(const checkpoint::Checkpoint& checkpoint, double keep_macs);

/// As many heads and neurons of every layer as MaskByMagnitude keeps, drawn by `seed`: what any other choice must beat.
absl::StatusOr<checkpoint::PruningMask> MaskAtRandom(const checkpoint::ModelConfig& config, double keep_macs,
                                                     uint64_t seed);

/// What to compute of `checkpoint`: all of one that is pruned already (see checkpoint::kPruningFile), of a dense one
/// what MaskByMagnitude keeps for `keep_macs`. Errors are that one's.
absl::StatusOr<checkpoint::PruningMask> MaskFor(const checkpoint::Checkpoint& checkpoint, double keep_macs);

}  // namespace roberta::pruned
