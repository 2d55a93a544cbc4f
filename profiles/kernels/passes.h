#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// LayerNorm (Ba et al. 2016): (x - mean) / sqrt(variance + epsilon) * gamma + beta, over a row.
struct LayerNorm {
  const float* gamma = nullptr;  ///< [hidden]
  const float* beta = nullptr;   ///< [hidden]
  float epsilon = 0;
};

/// Where a pass leaves its rows for the next product, in the form which that multiplies.
struct NextRows {
  Precision precision = Precision::kFloat32;
  void* values = nullptr;       ///< [rows, columns]: float, uint16_t (bfloat16) or uint8_t (see wide)
  float* row_scale = nullptr;   ///< [rows], for int8: a byte stands for scale * (byte - zero)
  int32_t* row_zero = nullptr;  ///< [rows], for int8, 0 to 255
  /// [columns], for int8: what values are multiplied by first; nullptr: nothing
  const float* factor = nullptr;
  bool wide = false;  ///< for int8: each byte takes 16 bits (see LinearShape::reads_wide_bytes)

  /// The rows from `first` on.
  NextRows From(size_t first, size_t columns) const {
    const bool is_int8 = precision == Precision::kInt8;
    const size_t bytes = precision == Precision::kFloat32 ? 4 : is_int8 && !wide ? 1 : 2;
    return {precision,
            static_cast<char*>(values) + first * columns * bytes,
            is_int8 ? row_scale + first : nullptr,
            is_int8 ? row_zero + first : nullptr,
            factor,
            wide};
  }
};

struct EmbedArguments {
  float* rows = nullptr;                  ///< [tokens, hidden]: word embeddings in, hidden states out
  const int32_t* position_ids = nullptr;  ///< [tokens]
  size_t tokens = 0;
  size_t hidden = 0;
  const float* position = nullptr;  ///< [positions, hidden]
  const float* type = nullptr;      ///< [hidden]: token type 0, the only one that RoBERTa uses
  LayerNorm norm;
  NextRows next;  ///< the hidden states again; for float32 `rows` are what the next product reads, and this is not
};

/// The result of a matrix product as the next pass reads it: float32, or int32 that stand for
/// (int - row_zero[row] * column_sum[column]) * row_scale[row] * column_scale[column].
struct ProductRows {
  const void* values = nullptr;         ///< row r is at element r * stride
  size_t stride = 0;                    ///< in elements
  const float* row_scale = nullptr;     ///< [rows]; nullptr: values are float32
  const int32_t* row_zero = nullptr;    ///< [rows]
  const float* column_scale = nullptr;  ///< [columns]
  const int32_t* column_sum = nullptr;  ///< [columns], of the weights' bytes

  /// The rows from `first` on.
  ProductRows From(size_t first) const {
    ProductRows rows = *this;
    rows.values = static_cast<const char*>(values) + first * stride * sizeof(float);
    if (row_scale == nullptr) return rows;
    rows.row_scale += first;
    rows.row_zero += first;
    return rows;
  }
  /// The columns from `first` on.
  ProductRows Columns(size_t first) const {
    const bool is_float = row_scale == nullptr;
    return {static_cast<const char*>(values) + first * sizeof(float),
            stride,
            row_scale,
            row_zero,
            is_float ? nullptr : column_scale + first,
            is_float ? nullptr : column_sum + first};
  }
};

struct AttentionArguments {
  ProductRows query, key, value;      ///< without their biases; all three floats, or all three ints of one kind
  const float* query_bias = nullptr;  ///< [heads * head_size], as the other two
  const float* key_bias = nullptr;    ///< not read: it adds the same to all scores of a query
  const float* value_bias = nullptr;
  const int32_t* cu_seqlens = nullptr;  ///< [sequences + 1] rows of key and value
  /// [sequences], at least 1: keys that the queries of a sequence see, its first ones; nullptr: all of them
  const int32_t* lengths = nullptr;
  size_t sequences = 0;
  bool first_tokens_only = false;  ///< query and context then have one row a sequence: its first token
  size_t heads = 0;
  size_t head_size = 0;
  /// Of the sequences * heads, counted by sequence and then by head, those to compute; what each gives is the same to
  /// the bit whatever others are. By default all.
  size_t first_head = 0, end_head = std::numeric_limits<size_t>::max();
  float* context = nullptr;  ///< [query rows, heads * head_size]
  /// The context again, unless it is float32, as in EmbedArguments. Left only where all heads are computed.
  NextRows next;
  float* scratch = nullptr;  ///< AttentionScratchFloats() floats, aligned to 64 bytes
};

/// Floats of scratch memory that attention needs for sequences of up to `longest` tokens.
size_t AttentionScratchFloats(size_t longest, size_t head_size);

using AttentionPass = void (*)(const AttentionArguments& arguments);

/// Applies a function to each value of a row, in place.
using RowFunction = void (*)(float* row, size_t columns);

/// The passes between the matrix products, each over rows of float32, compiled for one instruction set. All of them may
/// be called by any number of threads on different rows, and none allocates. What they give is the same to the bit with
/// every set that has fused multiply-add (MixedAttentionFor has an arithmetic of its own).
struct Passes {
  Isa isa = Isa::kPortable;

  /// rows = LayerNorm(rows + position[position_id] + type)
  void (*embed_norm)(const EmbedArguments& arguments);
  /// The function of that name, which must be one of checkpoint::HiddenActs(), for bias_activation.
  RowFunction (*find_activation)(std::string_view name);
  /// next = activation(product + bias); nullptr is the exact GELU, x/2 (1 + erf(x / sqrt 2)), in one pass with the sum.
  /// bias: [columns]. Float32 may go to the product's own memory; for others `row_scratch` has room for a row of
  /// floats.
  void (*bias_activation)(const ProductRows& product, const float* bias, RowFunction activation, const NextRows& next,
                          float* row_scratch, size_t rows, size_t columns);
  /// residual = LayerNorm(product + bias + residual), and `next` the same unless it is float32. residual: [rows,
  /// hidden], bias: [hidden].
  void (*residual_norm)(const ProductRows& product, const float* bias, float* residual, const LayerNorm& norm,
                        const NextRows& next, size_t rows, size_t hidden);
  /// next = values [rows, columns], for other precisions than float32. Int8 is asymmetric, a scale and a zero point for
  /// each row: the range from its least to its largest value, and 0, becomes 254 steps; the scale is NaN for a row that
  /// holds NaN or infinity. GELU's outputs, which hardly go below 0, so keep a bit that symmetry would waste. bfloat16
  /// is rounded to nearest, ties to even.
  void (*convert_rows)(const float* values, const NextRows& next, size_t rows, size_t columns);
  /// values = tanh(values + bias). values: [rows, columns], bias: [columns].
  void (*bias_tanh)(float* values, const float* bias, size_t rows, size_t columns);
  /// context = softmax(Q K^T / sqrt(head_size)) V for each sequence and head by itself (Vaswani et al. 2017). Without
  /// `lengths` no mask and no padding; with them, the context of queries that have the same keys to see is the same to
  /// the bit, however many follow that they do not see, if these are finite.
  AttentionPass attention;
};

/// Those of this host's instruction sets that passes are compiled for, slowest first.
const std::vector<Isa>& PassIsas();

/// `isa` must be one of PassIsas().
const Passes& PassesFor(Isa isa);

/// The instruction set whose passes are the fastest on this host, measured once, in a few milliseconds, at the first
/// call: the widest one is not always.
Isa FastestIsa();

/// Attention whose products are of bfloat16 and summed up in float32, or nullptr where this host has none for heads of
/// that size. Softmax is float32.
AttentionPass MixedAttentionFor(size_t head_size);

/// MixedAttentionFor where a measurement of a few milliseconds with heads of that size finds it faster than the float32
/// one; otherwise that of PassesFor(FastestIsa()).
AttentionPass FastestMixedAttention(size_t head_size);

inline constexpr size_t kLongestVector = 16;  ///< floats
inline constexpr size_t kQueryRows = 4;       ///< queries that attention takes at a time

/// One of these is compiled from passes_body.h in each passes_<isa>.cc.
const Passes& PortablePasses();
const Passes& Avx2Passes();
const Passes& Avx512Passes();

/// Attention whose products are of bfloat16, for heads of a multiple of 32; needs HostHas(Isa::kAvx512Bf16).
void Avx512Bf16Attention(const AttentionArguments& arguments);

}  // namespace roberta::kernels
