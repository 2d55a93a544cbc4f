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

/// A tensor as the header of a safetensors file declares it. Nothing but the types of the fields has been checked.
struct TensorDeclaration {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;  ///< no dimension is negative
  uint64_t begin_bytes = 0;    ///< within the data that follows the header
  uint64_t end_bytes = 0;
};

struct SafetensorsHeader {
  std::vector<TensorDeclaration> tensors;  ///< in the order of the text
  std::map<std::string, std::string> metadata;
};

/// True for a name that a tensor may have: not empty, no control characters, not the reserved __metadata__.
bool IsValidTensorName(std::string_view name);

/// Parses the JSON of a header, without building a tree of it: memory stays in proportion to the tensors declared.
/// InvalidArgument (without the name of the file): not JSON, a tensor or field twice, a field that is missing, not
/// known or of another type or range, a name that is not valid.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json);

/// Length of the JSON header at most, as the safetensors library has it.
inline constexpr uint64_t kLongestHeaderBytes = 100'000'000;

/// What a safetensors file holds. Views point into the bytes that were parsed.
struct SafetensorsFile {
  std::vector<TensorView> tensors;              ///< by place in the file
  std::map<std::string, std::string> metadata;  ///< `__metadata__`
};

/// Parses the bytes of a whole safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes
/// little-endian length of the header, the header, the data, which the tensors must cover without gap or overlap.
/// InvalidArgument (without the name of the file) names the tensor, the field and the value.
absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::Span<const std::byte> bytes);

}  // namespace roberta::checkpoint
