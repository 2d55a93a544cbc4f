#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/tensor.h"

namespace roberta::checkpoint {

/// The values of `tensor`, which must be F32, F16 or BF16, in another of these dtypes, rounded to nearest, ties to
/// even; subnormals are kept. InvalidArgument names the tensor and the value that is NaN, infinite, or too large for
/// `dtype`.
absl::StatusOr<std::vector<std::byte>> ConvertValues(const TensorView& tensor, Dtype dtype);

}  // namespace roberta::checkpoint
