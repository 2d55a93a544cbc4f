#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/files.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/checkpoint/tensor.h"
#include "profiles/checkpoint/tensor_table.h"

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
};

/// A checkpoint directory as Hugging Face saves it: config.json and model.safetensors (or model.safetensors.index.json
/// with its shards), mapped into memory. Immutable: any number of threads may read. For the files see MappedFile.
class Checkpoint final {
 public:
  /// Maps and checks `directory`. NotFound names the missing file. InvalidArgument names the file, the field and the
  /// value, and lists every tensor that is missing or misshapen in one message (up to ten; the other Open gives
  /// all). A directory with only pytorch_model.bin is refused with the way to convert it.
  static absl::StatusOr<std::unique_ptr<const Checkpoint>> Open(const std::string& directory);

  /// As Open, but appends all that is wrong to `*problems`, a problem each, and then returns nullptr.
  static std::unique_ptr<const Checkpoint> Open(const std::string& directory, std::vector<Problem>* problems);

  const ModelConfig& config() const { return config_; }
  /// What pruning.json says is kept of the dense model that config() describes; empty where there is no such file.
  const PruningMask& mask() const { return mask_; }
  const std::string& directory() const { return directory_; }
  /// The tensor of that name; it must be one of ExpectedTensors(config(), mask()), else the process aborts.
  const TensorView& tensor(std::string_view name) const;
  /// Every one of ExpectedTensors(config(), mask()), in that order. All have an IsFloat dtype.
  absl::Span<const TensorView> tensors() const { return tensors_; }
  /// The tensors that the files hold and the model does not use, of any dtype, by name.
  absl::Span<const TensorView> unused_tensors() const { return unused_tensors_; }
  /// Sizes of the mapped files together.
  uint64_t bytes_on_disk() const;
  /// Hash of what the computation depends on, 16 hex digits: every field of config(), mask() and every tensor's name,
  /// dtype, shape and bytes, however the files are sharded; not of the vocabulary. The first call reads all weights.
  const std::string& revision() const;
  /// Gives the pages of the mapped weights back to the system: for the time after weights were copied.
  void ReleasePages() const;

 private:
  Checkpoint(std::string directory, ModelConfig config, PruningMask mask, WeightFiles weights);

  std::string directory_;
  ModelConfig config_;
  PruningMask mask_;
  WeightFiles weights_;  ///< owns what tensors_ points into
  std::vector<TensorView> tensors_;
  std::map<std::string, size_t, std::less<>> index_;  ///< name -> place in tensors_
  std::vector<TensorView> unused_tensors_;
  mutable std::once_flag revision_computed_;
  mutable std::string revision_;
};

}  // namespace roberta::checkpoint
