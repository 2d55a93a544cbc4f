#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace roberta::checkpoint {

enum class Dtype { kF32, kF16, kBF16, kI64 };

size_t DtypeBytes(Dtype dtype);
std::string_view DtypeName(Dtype dtype);  ///< as safetensors spells it: "F32", "F16", ...
std::optional<Dtype> DtypeFromName(std::string_view name);

/// Product of `shape`; 1 for a scalar.
int64_t ElementsOf(absl::Span<const int64_t> shape);

/// A tensor in a mapped file: a view that lives as long as its Checkpoint. `data` is little-endian, row-major and may
/// be unaligned.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;
  absl::Span<const std::byte> data;

  int64_t elements() const { return ElementsOf(shape); }
};

/// Bytes that a tensor of that dtype and shape takes; nullopt for a negative dimension or more bytes than int64 counts.
std::optional<uint64_t> ShapeBytes(Dtype dtype, absl::Span<const int64_t> shape);

/// "[768, 3072]".
std::string ShapeText(absl::Span<const int64_t> shape);

/// Converts F32, F16 or BF16 to float32 and aborts on other dtypes. `out` must have exactly tensor.elements() floats.
/// F16 and BF16 widen exactly: subnormals, infinities and NaNs with their payload included, whatever the thread's FTZ
/// and DAZ.
void CopyToFloat32(const TensorView& tensor, absl::Span<float> out);

/// The same for a part of a tensor: `data` are out.size() values of that dtype.
void CopyToFloat32(Dtype dtype, absl::Span<const std::byte> data, absl::Span<float> out);

/// The values of `tensor`, which must be F32, F16 or BF16, in another of these dtypes, rounded to nearest, ties to
/// even; subnormals are kept. InvalidArgument names the tensor and the value that is NaN, infinite, or too large for
/// `dtype`.
absl::StatusOr<std::vector<std::byte>> ConvertValues(const TensorView& tensor, Dtype dtype);

}  // namespace roberta::checkpoint
