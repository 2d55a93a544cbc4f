#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// Writes a safetensors file that ParseSafetensors and the safetensors libraries read: tensors with larger elements
/// first, else in the order given, so that every one is aligned to its element; the header padded with spaces to a
/// multiple of 8 bytes. `metadata` becomes `__metadata__`; {{"format", "pt"}} is what Hugging Face expects of weights.
///
/// All or nothing, as AtomicFile. Errors name the file and the reason; InvalidArgument: a name twice, empty or
/// reserved, a shape that is not the size of the data. Any number of threads may call, also for one path: the last
/// rename wins.
absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata);

/// A checkpoint that is to be written.
struct NewCheckpoint {
  std::string config;                ///< text of config.json
  std::string pruning;               ///< text of pruning.json; empty: it is dense
  std::string vocabulary_directory;  ///< whose vocabulary files are copied; empty: none
  bool copies_sample = false;        ///< of the same directory, where it has one: for a model of the same labels
  absl::Span<const TensorView> tensors;
};

/// Writes config.json, model.safetensors, pruning.json and the copied files into `directory`, which must be there. Each
/// file is whole or absent, and config.json comes last: without it nothing takes the directory for a checkpoint. Errors
/// name the file and what the system says; files that were written before stay.
absl::Status WriteCheckpoint(const std::string& directory, const NewCheckpoint& checkpoint);

/// As WriteCheckpoint, into a directory that is new or empty; after an error it is as it was before. AlreadyExists
/// where it is not empty.
absl::Status WriteNewCheckpoint(const std::string& directory, const NewCheckpoint& checkpoint);

/// Writes a text file, whole or not at all.
absl::Status WriteTextFile(const std::string& path, std::string_view text);

/// `config`, a sound config.json, with all its fields and torch_dtype (and dtype, as newer files have it, where it is
/// there) naming `dtype`.
std::string WithTorchDtype(std::string_view config, Dtype dtype);

}  // namespace roberta::checkpoint
