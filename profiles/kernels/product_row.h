#pragma once

// Internal to each translation unit, as vectors.h is.
#include <cstdint>
#include <cstring>

#include "profiles/kernels/passes.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

/// One row of a product, read as float32.
class ProductRow {
 public:
  ProductRow(const ProductRows& product, size_t row)
      : floats_(static_cast<const float*>(product.values) + row * product.stride),
        ints_(static_cast<const int32_t*>(product.values) + row * product.stride),
        column_scale_(product.column_scale),
        row_scale_(product.row_scale != nullptr ? product.row_scale[row] : 0),
        is_float_(product.row_scale == nullptr) {}

  Floats LoadAt(size_t i) const {
    if (is_float_) return Load(floats_ + i);
    const Ints ints = *reinterpret_cast<const UnalignedInts*>(ints_ + i);
    return __builtin_convertvector(ints, Floats) * (Load(column_scale_ + i) * row_scale_);
  }
  float At(size_t i) const {
    if (is_float_) return floats_[i];
    int32_t value;  // copied, as the same memory may be written as floats next
    std::memcpy(&value, ints_ + i, sizeof value);
    return static_cast<float>(value) * (column_scale_[i] * row_scale_);
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
  float row_scale_;
  bool is_float_;
};

}  // namespace
}  // namespace roberta::kernels
