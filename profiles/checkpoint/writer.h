#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// Writes a safetensors file that ParseSafetensors and the safetensors libraries read: tensors with larger elements
/// first, else in the order given, so that every one is aligned to its element; the header padded with spaces to a
/// multiple of 8 bytes. `metadata` becomes `__metadata__`; {{"format", "pt"}} is what Hugging Face expects of weights.
///
/// All or nothing: the bytes go to a temporary file in the same directory, which is synced to disk and then renamed to
/// `path`. On failure (disk full, directory not writable) one error names the file and the reason, what was at `path`
/// before is untouched, and no temporary file stays. InvalidArgument: a name twice, empty or reserved, a shape that is
/// not the size of the data. Any number of threads may call, also for one path: the last rename wins.
absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace roberta::checkpoint
