#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
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
/// known or of another type or range, a dtype other than F32, F16, BF16 and I64, a name that is empty or holds control
/// characters.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json);

}  // namespace roberta::checkpoint
