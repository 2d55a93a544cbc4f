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

/// Writes what `mask` keeps of the dense `checkpoint` as a pruned checkpoint (see checkpoint::kPruningFile) into
/// `directory`, which is made if it is not there, with every tensor in the dtype it had (see
/// checkpoint::WriteCheckpoint). Errors name the file and the reason; InvalidArgument for a checkpoint that is pruned
/// already, or a mask that is not one of its config.
absl::Status SavePruned(const checkpoint::Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                        const std::string& directory);

/// Writes a pruned `checkpoint` as the dense one that gives the same logits, with zeros for all that is pruned: what
/// every other tool reads. Otherwise as SavePruned. InvalidArgument if the checkpoint is not pruned.
absl::Status SaveDense(const checkpoint::Checkpoint& checkpoint, const std::string& directory);

}  // namespace roberta::pruned
