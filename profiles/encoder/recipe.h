#pragma once

#include <vector>

#include "profiles/checkpoint/pruning.h"
#include "profiles/kernels/precision.h"

namespace roberta::encoder {

/// For each input of a layer's products, the largest magnitude that was seen.
struct LayerInputs {
  std::vector<float> query_key_value;   ///< [hidden]: the layer's input
  std::vector<float> attention_output;  ///< [heads * head_size]: the context
  std::vector<float> intermediate;      ///< [hidden]: the normalized output of attention
  std::vector<float> output;            ///< [neurons]: after GELU
};

/// One for each layer; empty: nothing was measured.
using InputRanges = std::vector<LayerInputs>;

/// Makes int8 products more exact: where an input is large and its weights are small, a part of its magnitude is moved
/// to the weights, so that both lose less as bytes (SmoothQuant, Xiao et al. 2023).
struct Smoothing {
  InputRanges inputs;  ///< empty: nothing is moved
  /// How much of an input's size is moved, 0 to 1: of a column's input and weights it is alpha times the logarithm of
  /// the one less 1 - alpha times that of the other (equation 4).
  float alpha = 0.5f;
};

/// The precisions in which the encoder's matrix products and its attention compute. The head is float32 always, as are
/// LayerNorm, softmax, GELU and the residual stream.
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
