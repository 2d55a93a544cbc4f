#pragma once

#include <cstdint>
#include <vector>

#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/input_ranges.h"
#include "profiles/kernels/precision.h"

namespace roberta::encoder {

/// In what the encoder's matrix products and its attention compute. The head is float32 always, as are LayerNorm,
/// softmax, GELU and the residual stream.
struct Recipe {
  /// Of the matrix products: of several, each shape takes what a measurement at load finds fastest (see
  /// kernels::LinearShape::Fastest).
  std::vector<kernels::Precision> products = {kernels::Precision::kFloat32};
  /// Keys, queries, values and weights of attention in bfloat16, summed up in float32, where that is faster here.
  bool mixed_attention = false;
  /// The heads and neurons to compute of a checkpoint that has them all; empty: every one.
  checkpoint::PruningMask mask;
  Smoothing smoothing;  ///< for int8
};

}  // namespace roberta::encoder
