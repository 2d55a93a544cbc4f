#pragma once

#include <cstddef>
#include <cstdint>

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// LayerNorm (Ba et al. 2016): (x - mean) / sqrt(variance + epsilon) * gamma + beta, over a row.
struct LayerNorm {
  const float* gamma = nullptr;  ///< [hidden]
  const float* beta = nullptr;   ///< [hidden]
  float epsilon = 0;
};

struct EmbedArguments {
  float* rows = nullptr;                  ///< [tokens, hidden]: word embeddings in, hidden states out
  const int32_t* position_ids = nullptr;  ///< [tokens]
  size_t tokens = 0;
  size_t hidden = 0;
  const float* position = nullptr;  ///< [positions, hidden]
  const float* type = nullptr;      ///< [hidden]: token type 0, the only one that RoBERTa uses
  LayerNorm norm;
};

/// The result of a matrix product as the next pass reads it: float32, or int32 that stand for
/// int * row_scale[row] * column_scale[column].
struct ProductRows {
  const void* values = nullptr;         ///< row r is at element r * stride
  size_t stride = 0;                    ///< in elements
  const float* row_scale = nullptr;     ///< [rows]; nullptr: values are float32
  const float* column_scale = nullptr;  ///< [columns]

  /// The columns from `first` on.
  ProductRows Columns(size_t first) const {
    return {static_cast<const char*>(values) + first * sizeof(float), stride, row_scale,
            column_scale == nullptr ? nullptr : column_scale + first};
  }
};

struct AttentionArguments {
  ProductRows query, key, value;        ///< biases are not in yet
  const float* query_bias = nullptr;    ///< [hidden]
  const float* key_bias = nullptr;      ///< [hidden]
  const float* value_bias = nullptr;    ///< [hidden]
  const int32_t* cu_seqlens = nullptr;  ///< [sequences + 1] rows of key and value
  size_t sequences = 0;
  bool first_tokens_only = false;  ///< query and context then have one row a sequence: its first token
  size_t heads = 0;
  size_t head_size = 0;
  float* context = nullptr;  ///< [query rows, heads * head_size]
  float* scratch = nullptr;  ///< AttentionScratchFloats() floats, aligned to 64 bytes
};

/// Floats of scratch memory that attention needs for sequences of up to `longest` tokens.
size_t AttentionScratchFloats(size_t longest, size_t head_size);

/// The passes between the matrix products, each over rows of float32, compiled for one instruction set. All of them may
/// be called by any number of threads on different rows, and none allocates.
struct Passes {
  Isa isa = Isa::kPortable;

  /// rows = LayerNorm(rows + position[position_id] + type)
  void (*embed_norm)(const EmbedArguments& arguments);
  /// out = gelu(product + bias), exact: x/2 (1 + erf(x / sqrt 2)). out: [rows, columns], which may be the product's own
  /// memory; bias: [columns].
  void (*bias_gelu)(const ProductRows& product, const float* bias, float* out, size_t rows, size_t columns);
  /// residual = LayerNorm(product + bias + residual). residual: [rows, hidden], bias: [hidden].
  void (*residual_norm)(const ProductRows& product, const float* bias, float* residual, const LayerNorm& norm,
                        size_t rows, size_t hidden);
  /// Symmetric int8, one scale a row (Dettmers et al. 2022, vector-wise): the largest magnitude becomes 127, and
  /// row_scale[row] is what 1 stands for; NaN for a row that holds NaN or infinity. values, out: [rows, columns].
  void (*quantise_rows)(const float* values, int8_t* out, float* row_scale, size_t rows, size_t columns);
  /// values = tanh(values + bias). values: [rows, columns], bias: [columns].
  void (*bias_tanh)(float* values, const float* bias, size_t rows, size_t columns);
  /// context = softmax(Q K^T / sqrt(head_size)) V for each sequence and head by itself (Vaswani et al. 2017): no mask,
  /// no padding.
  void (*attention)(const AttentionArguments& arguments);
};

/// `isa` must be one of HostIsas().
const Passes& PassesFor(Isa isa);

}  // namespace roberta::kernels
