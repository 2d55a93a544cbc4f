#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// A tensor and the file that holds it.
struct StoredTensor {
  TensorView view;
  size_t file = 0;  ///< index into WeightFiles::files
};

/// The mapped weights of a directory, whatever the tensors are called.
struct WeightFiles {
  std::string listing;  ///< path of the file that says which tensors there are: model.safetensors or the index
  std::vector<std::unique_ptr<const MappedFile>> files;
  std::vector<StoredTensor> tensors;
  bool complete = true;  ///< false if a file could not be read, so that tensors may be missing here only

  uint64_t bytes_on_disk() const;
  void ReleasePages() const;
};

/// Maps `directory`/model.safetensors or, where that is absent, every shard that model.safetensors.index.json names.
/// Shards must be plain names of .safetensors files in the directory and hold exactly the tensors that the index says.
/// Everything that is wrong is appended to `*problems`; what could be read is returned nonetheless.
WeightFiles MapWeightFiles(const std::string& directory, std::vector<Problem>* problems);

}  // namespace roberta::checkpoint
