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

/// A type of the safetensors format: those that weights have by name, the others (see DtypeFromName) as numbers beyond.
enum class Dtype : uint8_t { kF32, kF16, kBF16, kF64, kI64 };

/// Whether its values can be converted to float32: F32, F16, BF16 and F64.
bool IsFloat(Dtype dtype);
size_t DtypeBytes(Dtype dtype);           ///< 0 for those of less than a byte
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

/// Bytes that a tensor of that dtype and shape takes; nullopt for a negative dimension, more bits than int64 counts or
/// a part of a byte at the end.
std::optional<uint64_t> ShapeBytes(Dtype dtype, absl::Span<const int64_t> shape);

/// "[768, 3072]".
std::string ShapeText(absl::Span<const int64_t> shape);

/// Converts to float32 and aborts unless IsFloat(tensor.dtype). `out` must have exactly tensor.elements() floats. F16
/// and BF16 widen exactly: subnormals, infinities and NaNs with their payload included, whatever the thread's FTZ and
/// DAZ. F64 is rounded to nearest.
void CopyToFloat32(const TensorView& tensor, absl::Span<float> out);

/// The same for a part of a tensor: `data` are out.size() values of that dtype.
void CopyToFloat32(Dtype dtype, absl::Span<const std::byte> data, absl::Span<float> out);

/// The values of `tensor` in another dtype for which IsFloat holds too, rounded to float32 and then to nearest, ties to
/// even; subnormals are kept. InvalidArgument names the tensor and the value that is NaN, infinite, or too large for
/// `dtype`.
absl::StatusOr<std::vector<std::byte>> ConvertValues(const TensorView& tensor, Dtype dtype);

}  // namespace roberta::checkpoint
