#pragma once

// Internal to each translation unit, as vectors.h is.
#include <cstdint>
#include <cstring>

#include "profiles/kernels/passes.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

/// What a product's values are, known where a pass is compiled: its inner loops have no branch for it.
enum class Sums { kFloats, kInts };

/// One row of a product, read as float32.
template <Sums kSums>
class ProductRow {
 public:
  ProductRow(const ProductRows& product, size_t row)
      : floats_(static_cast<const float*>(product.values) + row * product.stride),
        ints_(static_cast<const int32_t*>(product.values) + row * product.stride),
        column_scale_(product.column_scale),
        column_sum_(product.column_sum),
        row_scale_(kSums == Sums::kInts ? product.row_scale[row] : 0),
        row_zero_(kSums == Sums::kInts ? product.row_zero[row] : 0) {}

  Floats LoadAt(size_t i) const {
    if constexpr (kSums == Sums::kFloats) {
      return Load(floats_ + i);
    } else {
      const Ints sums = *reinterpret_cast<const UnalignedInts*>(ints_ + i);
      const Ints ints = sums - *reinterpret_cast<const UnalignedInts*>(column_sum_ + i) * row_zero_;
      return __builtin_convertvector(ints, Floats) * (Load(column_scale_ + i) * row_scale_);
    }
  }
  float At(size_t i) const {
    if constexpr (kSums == Sums::kFloats) {
      return floats_[i];
    } else {
      int32_t value;  // copied, as the same memory may be written as floats next
      std::memcpy(&value, ints_ + i, sizeof value);
      return static_cast<float>(value - row_zero_ * column_sum_[i]) * (column_scale_[i] * row_scale_);
    }
  }
  Floats LoadSomeAt(size_t i, size_t count) const {
    Floats value = {};
    for (size_t k = 0; k < count; ++k) value[k] = At(i + k);
    return value;
  }

 private:
  const float* floats_;
  const int32_t* ints_;
  const float* column_scale_;
  const int32_t* column_sum_;
  float row_scale_;
  int32_t row_zero_;
};

/// Calls `pass` with the std::integral_constant of what `product` holds.
template <typename Pass>
inline void ForSumsOf(const ProductRows& product, const Pass& pass) {
  if (product.row_scale == nullptr) {
    pass(std::integral_constant<Sums, Sums::kFloats>());
  } else {
    pass(std::integral_constant<Sums, Sums::kInts>());
  }
}

using Halves = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));
using UnalignedHalves = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t)), aligned(2), may_alias));
using UnsignedInts = uint32_t __attribute__((vector_size(kVectorBytes)));

inline Halves ToBFloat16(Floats x) {
  UnsignedInts bits;
  std::memcpy(&bits, &x, sizeof bits);
  const UnsignedInts rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
  const UnsignedInts not_a_number = bits >> 16 | 0x40u;
  return __builtin_convertvector(x == x ? rounded : not_a_number, Halves);
}

inline void RowToBFloat16(const float* values, uint16_t* out, size_t columns) {
  ForVectors(
      columns, [&](size_t i) { *reinterpret_cast<UnalignedHalves*>(out + i) = ToBFloat16(Load(values + i)); },
      [&](size_t i, size_t count) {
        const Halves halves = ToBFloat16(LoadSome(values + i, count));
        for (size_t k = 0; k < count; ++k) out[i + k] = halves[k];
      });
}

inline void StoreInts(uint8_t* to, Ints values) {
  *reinterpret_cast<UnalignedBytes*>(to) = __builtin_convertvector(values, Bytes);
}
inline void StoreInts(uint16_t* to, Ints values) {
  *reinterpret_cast<UnalignedHalves*>(to) = __builtin_convertvector(values, Halves);
}

/// 0 is always in the range, and becomes a byte exactly. 254 steps, not 255: the two ends are rounded each by itself.
/// `Byte` is what holds one: uint8_t or uint16_t.
template <typename Byte, typename At, typename SomeAt>
inline void RowToBytes(const At& at, const SomeAt& some_at, Byte* out, float* scale, int32_t* zero, size_t columns) {
  constexpr float kSteps = 254.0f;
  Floats most = {}, least = {}, not_numbers = {};
  const auto look_at = [&](Floats x) {
    most = Max(most, x);
    least = Max(least, -x);
    not_numbers += x - x;  // 0, or NaN for NaN and infinity
  };
  ForVectors(
      columns, [&](size_t i) { look_at(at(i)); }, [&](size_t i, size_t count) { look_at(some_at(i, count)); });
  const float below = Largest(least), range = Largest(most) + below;
  const float factor = range > 0 ? kSteps / range : 0;
  *scale = range / kSteps + Sum(not_numbers);
  *zero = *scale == *scale ? static_cast<int32_t>(std::lrint(below * factor)) : 0;
  const Ints offset = Ints{} + (*zero - kRounderBits);
  const auto quantized = [&](Floats x) {
    const Floats shifted = x * factor + kRounder;
    Ints bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    return bits + offset;
  };
  ForVectors(
      columns, [&](size_t i) { StoreInts(out + i, quantized(at(i))); },
      [&](size_t i, size_t count) {
        const Ints bytes = quantized(some_at(i, count));
        for (size_t k = 0; k < count; ++k) out[i + k] = static_cast<Byte>(bytes[k]);
      });
}

template <typename Byte>
inline void RowToBytes(const float* values, const NextRows& next, size_t row, size_t columns) {
  Byte* const out = static_cast<Byte*>(next.values) + row * columns;
  const float* factor = next.factor;
  if (factor == nullptr) {
    RowToBytes([&](size_t i) { return Load(values + i); },
               [&](size_t i, size_t count) { return LoadSome(values + i, count); }, out, next.row_scale + row,
               next.row_zero + row, columns);
  } else {
    RowToBytes([&](size_t i) { return Load(values + i) * Load(factor + i); },
               [&](size_t i, size_t count) { return LoadSome(values + i, count) * LoadSome(factor + i, count); }, out,
               next.row_scale + row, next.row_zero + row, columns);
  }
}

/// Leaves one row, [columns], for the next product; nothing to do for float32.
inline void LeaveRow(const float* values, const NextRows& next, size_t row, size_t columns) {
  if (next.precision == Precision::kBFloat16) {
    RowToBFloat16(values, static_cast<uint16_t*>(next.values) + row * columns, columns);
  } else if (next.precision == Precision::kInt8 && next.wide) {
    RowToBytes<uint16_t>(values, next, row, columns);
  } else if (next.precision == Precision::kInt8) {
    RowToBytes<uint8_t>(values, next, row, columns);
  }
}

}  // namespace
}  // namespace roberta::kernels
