#pragma once

#include <string_view>

namespace roberta::kernels {

/// What a matrix product multiplies, and so how the pass before leaves its rows.
enum class Precision {
  kFloat32,   ///< float32 by float32 to float32
  kBFloat16,  ///< bfloat16 by bfloat16, summed up in float32
  /// uint8 by int8 to int32, exactly: what every processor with VNNI multiplies at full speed. A row of activations has
  /// a scale and a zero point of its own; what the zero point adds to a sum is taken off by the next pass.
  kInt8,
};

/// "fp32", "bf16" or "int8".
constexpr std::string_view PrecisionName(Precision precision) {
  if (precision == Precision::kFloat32) return "fp32";
  return precision == Precision::kBFloat16 ? "bf16" : "int8";
}

}  // namespace roberta::kernels
