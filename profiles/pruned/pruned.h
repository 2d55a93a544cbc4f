#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/tensor.h"

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

/// Tensors, and the bytes of those that are in no file.
struct ConvertedTensors {
  std::vector<checkpoint::TensorView> tensors;  ///< into `storage`, and into the checkpoint that they were made of
  std::list<std::vector<std::byte>> storage;
};

/// All tensors of a pruned `checkpoint` as the dense model has them, with zeros for what is pruned.
ConvertedTensors DenseTensors(const checkpoint::Checkpoint& checkpoint);

/// A tensor of a pruned checkpoint whose values are not the dense one's.
struct NewTensor {
  std::string name;
  std::vector<int64_t> shape;  ///< as checkpoint::ExpectedTensors has it for the mask
  std::vector<float> values;
};

/// What `mask` keeps of the dense `checkpoint`, with `replaced` in place of what it had, all in the dtype that it had.
/// InvalidArgument for a checkpoint that is pruned already, a mask that is not one of its config, a replaced tensor of
/// another shape, or values that the dtype cannot hold (names them).
absl::StatusOr<ConvertedTensors> PrunedTensors(const checkpoint::Checkpoint& checkpoint,
                                               const checkpoint::PruningMask& mask,
                                               absl::Span<const NewTensor> replaced);

/// Writes `converted` tensors, made of `from`, as a new checkpoint (see checkpoint::WriteNewCheckpoint) with the
/// vocabulary and the sample of `from`. `config` and `pruning` are the texts of config.json and of pruning.json, which
/// is empty for a dense checkpoint.
absl::Status SaveConverted(const std::string& directory, const checkpoint::Checkpoint& from, const std::string& config,
                           const std::string& pruning, const ConvertedTensors& converted);

}  // namespace roberta::pruned
