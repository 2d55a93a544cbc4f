#pragma once

// Internal to each translation unit, as vectors.h is.
#include <cstdint>
#include <cstring>
#include <type_traits>

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

}  // namespace
}  // namespace roberta::kernels
