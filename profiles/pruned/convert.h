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

/// Writes `converted` tensors, made of `from`, as a new checkpoint (see checkpoint::WriteNewCheckpoint) with the
/// vocabulary and the sample of `from`. `config` and `pruning` are the texts of config.json and of pruning.json, which
/// is empty for a dense checkpoint.
absl::Status SaveConverted(const std::string& directory, const checkpoint::Checkpoint& from, const std::string& config,
                           const std::string& pruning, const ConvertedTensors& converted);

}  // namespace roberta::pruned
