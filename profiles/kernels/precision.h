#pragma once

#include <string_view>

namespace roberta::kernels {

/// What a matrix product multiplies, and so how the pass before leaves its rows.
enum class Precision {
  kFloat32,      ///< float32 by float32 to float32
  kBFloat16,     ///< bfloat16 by bfloat16, summed up in float32
  kInt8,         ///< int8 by int8 to int32, exactly
  kInt8Shifted,  ///< the same numbers with activations stored as uint8 = int8 + 128, which some hosts multiply faster;
                 ///< what that adds to a sum is known when the weights are packed, and taken off by the next pass
};

constexpr bool IsInt8(Precision precision) {
  return precision == Precision::kInt8 || precision == Precision::kInt8Shifted;
}

/// "fp32", "bf16" or "int8".
constexpr std::string_view PrecisionName(Precision precision) {
  if (precision == Precision::kFloat32) return "fp32";
  return precision == Precision::kBFloat16 ? "bf16" : "int8";
}

}  // namespace roberta::kernels
