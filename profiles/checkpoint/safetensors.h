#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// Length of the JSON header at most: for some hundred thousand tensors. The safetensors library allows six times as
/// much, of which a tree would take gigabytes.
inline constexpr uint64_t kLongestHeaderBytes = 16'000'000;

/// What a safetensors file holds. Views point into the bytes that were parsed.
struct SafetensorsFile {
  std::vector<TensorView> tensors;              ///< by place in the file
  std::map<std::string, std::string> metadata;  ///< `__metadata__`
};

/// Parses the bytes of a whole safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes
/// little-endian length of the header, the header, the data, which the tensors must cover without gap or overlap. As
/// for that library, names may be anything, and so may fields of a tensor that the format does not have.
/// InvalidArgument (without the name of the file) names the tensor, the field and the value.
absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::Span<const std::byte> bytes);

}  // namespace roberta::checkpoint
