// The fused passes in terms of vectors of ROBERTA_LANES floats, compiled once for each instruction set. GCC's vector
// extensions, which clang shares, serve as the vector type: the same source is AVX-512, AVX2 or plain code. Sizes that
// are no multiple of the vector's are finished float by float, so any shape runs.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "profiles/kernels/passes.h"
#include "profiles/kernels/passes_of_isa.h"

namespace roberta::kernels {
namespace {

constexpr size_t kLanes = ROBERTA_LANES;
constexpr size_t kVectorBytes = kLanes * sizeof(float);

using Floats = float __attribute__((vector_size(kVectorBytes)));
using Ints = int32_t __attribute__((vector_size(kVectorBytes)));
using Bytes = int8_t __attribute__((vector_size(kLanes)));
using UnalignedInts = int32_t __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
using UnalignedBytes = int8_t __attribute__((vector_size(kLanes), aligned(1), may_alias));
using UnalignedFloats = float __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));

inline Floats Load(const float* from) {
  return *reinterpret_cast<const UnalignedFloats*>(from);
}
inline void Store(float* to, Floats value) {
  *reinterpret_cast<UnalignedFloats*>(to) = value;
}
inline Floats All(float value) {
  return Floats{} + value;
}
inline Floats Max(Floats a, Floats b) {
  return a > b ? a : b;
}
inline float Sum(Floats v) {
  float sum = 0;
  for (size_t i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}
inline float Largest(Floats v) {
  float largest = v[0];
  for (size_t i = 1; i < kLanes; ++i) largest = std::max(largest, v[i]);
  return largest;
}

constexpr float kRounder = 12582912.0f;       // 1.5 * 2^23: adding it rounds to an integer in the low bits
constexpr int32_t kRounderBits = 0x4B400000;  // of kRounder

/// e^x for x <= 88, relative error below 2e-7: x = n ln 2 + r, then a polynomial (Cephes, Moshier 1989). 0 below -87;
/// NaN stays NaN, so that a broken model shows.
inline Floats Exp(Floats x) {
  constexpr float kLowest = -87.0f;
  const Floats clamped = Max(x, All(kLowest));
  const Floats scaled = clamped * 1.44269504088896341f;
  const Floats shifted = scaled + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = All(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - kRounderBits + 127) << 23;
  Floats power;
  std::memcpy(&power, &bits, sizeof power);
  const Floats result = p * power;
  return x == x ? (x < All(kLowest) ? Floats{} : result) : x;
}

/// erf, absolute error below 2e-7: Abramowitz and Stegun 1964, 7.1.26.
inline Floats Erf(Floats x) {
  const Floats magnitude = Max(x, -x);
  const Floats t = 1.0f / (magnitude * 0.3275911f + 1.0f);
  Floats p = All(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Floats value = 1.0f - p * t * Exp(-magnitude * magnitude);
  return x < Floats{} ? -value : value;
}

inline Floats Gelu(Floats x) {
  return x * 0.5f * (Erf(x * 0.70710678118654752f) + 1.0f);
}

/// For the floats behind the last whole vector: a vector that holds them, and zeros.
inline Floats LoadSome(const float* from, size_t count) {
  Floats value = {};
  for (size_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}
inline void StoreSome(float* to, Floats value, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = value[i];
}

/// Calls `whole(i)` for every i that starts a whole vector of [0, size) and `rest(i, count)` for what is left.
template <typename Whole, typename Rest>
inline void ForVectors(size_t size, const Whole& whole, const Rest& rest) {
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) whole(i);
  if (i < size) rest(i, size - i);
}

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

/// Two passes over a row that is in the first-level cache: sums of the deviations from the mean do not cancel.
inline void NormalizeRow(float* row, const LayerNorm& norm, size_t hidden) {
  Floats sums = {};
  ForVectors(
      hidden, [&](size_t i) { sums += Load(row + i); },
      [&](size_t i, size_t count) { sums += LoadSome(row + i, count); });
  const float mean = Sum(sums) / static_cast<float>(hidden);
  Floats squares = {};
  ForVectors(
      hidden,
      [&](size_t i) {
        const Floats deviation = Load(row + i) - mean;
        squares += deviation * deviation;
      },
      [&](size_t i, size_t count) {
        for (size_t k = i; k < i + count; ++k) squares[k - i] += (row[k] - mean) * (row[k] - mean);
      });
  const float scale = 1.0f / std::sqrt(Sum(squares) / static_cast<float>(hidden) + norm.epsilon);
  ForVectors(
      hidden,
      [&](size_t i) { Store(row + i, (Load(row + i) - mean) * scale * Load(norm.gamma + i) + Load(norm.beta + i)); },
      [&](size_t i, size_t count) {
        for (size_t k = i; k < i + count; ++k) row[k] = (row[k] - mean) * scale * norm.gamma[k] + norm.beta[k];
      });
}

void EmbedNorm(const EmbedArguments& a) {
  for (size_t t = 0; t < a.tokens; ++t) {
    float* row = a.rows + t * a.hidden;
    const float* position = a.position + static_cast<size_t>(a.position_ids[t]) * a.hidden;
    ForVectors(
        a.hidden, [&](size_t i) { Store(row + i, Load(row + i) + Load(a.type + i) + Load(position + i)); },
        [&](size_t i, size_t count) {
          for (size_t k = i; k < i + count; ++k) row[k] += a.type[k] + position[k];
        });
    NormalizeRow(row, a.norm, a.hidden);
  }
}

void BiasGelu(const ProductRows& product, const float* bias, float* out, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; ++r, out += columns) {
    const ProductRow row(product, r);
    ForVectors(
        columns, [&](size_t i) { Store(out + i, Gelu(row.LoadAt(i) + Load(bias + i))); },
        [&](size_t i, size_t count) {
          StoreSome(out + i, Gelu(row.LoadSomeAt(i, count) + LoadSome(bias + i, count)), count);
        });
  }
}

void ResidualNorm(const ProductRows& product, const float* bias, float* residual, const LayerNorm& norm, size_t rows,
                  size_t hidden) {
  for (size_t r = 0; r < rows; ++r, residual += hidden) {
    const ProductRow row(product, r);
    ForVectors(
        hidden, [&](size_t i) { Store(residual + i, Load(residual + i) + row.LoadAt(i) + Load(bias + i)); },
        [&](size_t i, size_t count) {
          for (size_t k = i; k < i + count; ++k) residual[k] += row.At(k) + bias[k];
        });
    NormalizeRow(residual, norm, hidden);
  }
}

void QuantiseRows(const float* values, int8_t* out, float* row_scale, size_t rows, size_t columns) {
  constexpr float kMost = 127.0f;
  for (size_t r = 0; r < rows; ++r, values += columns, out += columns) {
    Floats largest = {}, not_numbers = {};
    const auto look_at = [&](Floats x) {
      largest = Max(largest, Max(x, -x));
      not_numbers += x - x;  // 0, or NaN for NaN and infinity
    };
    ForVectors(
        columns, [&](size_t i) { look_at(Load(values + i)); },
        [&](size_t i, size_t count) { look_at(LoadSome(values + i, count)); });
    const float most = Largest(largest);
    row_scale[r] = most / kMost + Sum(not_numbers);
    const float factor = most > 0 ? kMost / most : 0;
    const auto quantised = [&](Floats x) {
      const Floats shifted = x * factor + kRounder;
      Ints bits;
      std::memcpy(&bits, &shifted, sizeof bits);
      return __builtin_convertvector(bits - kRounderBits, Bytes);
    };
    ForVectors(
        columns, [&](size_t i) { *reinterpret_cast<UnalignedBytes*>(out + i) = quantised(Load(values + i)); },
        [&](size_t i, size_t count) {
          const Bytes bytes = quantised(LoadSome(values + i, count));
          for (size_t k = 0; k < count; ++k) out[i + k] = bytes[k];
        });
  }
}

void BiasTanh(float* values, const float* bias, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; ++r, values += columns) {
    for (size_t i = 0; i < columns; ++i) values[i] = std::tanh(values[i] + bias[i]);
  }
}

/// One head of one sequence, from panels in `scratch` that stay in the nearest caches: keys transposed [head_size,
/// length], values [length, head_size], both with their bias and filled up with zeros to whole vectors.
class Head {
 public:
  Head(const AttentionArguments& arguments, size_t longest) : a_(arguments) {
    const size_t padded = (longest + kLongestVector - 1) / kLongestVector * kLongestVector;
    size_stride_ = (a_.head_size + kLanes - 1) / kLanes * kLanes;
    keys_ = a_.scratch;
    values_ = keys_ + padded * (a_.head_size + kLongestVector);
    scores_ = values_ + padded * (a_.head_size + kLongestVector);
    queries_ = scores_ + kQueryRows * (padded + kLongestVector);
    scale_ = 1.0f / std::sqrt(static_cast<float>(a_.head_size));
  }

  void Run(size_t sequence, size_t head) {
    const auto begin = static_cast<size_t>(a_.cu_seqlens[sequence]);
    length_ = static_cast<size_t>(a_.cu_seqlens[sequence + 1]) - begin;
    length_stride_ = (length_ + kLanes - 1) / kLanes * kLanes;
    offset_ = head * a_.head_size;
    PackKeysAndValues(begin);
    const size_t hidden = a_.heads * a_.head_size;
    if (a_.first_tokens_only) {
      RunQueries(sequence, 1, hidden);
      return;
    }
    for (size_t row = 0; row < length_; row += kQueryRows) {
      RunQueries(begin + row, std::min(kQueryRows, length_ - row), hidden);
    }
  }

 private:
  void PackKeysAndValues(size_t begin) {
    for (size_t j = 0; j < length_stride_; ++j) {
      float* packed_value = values_ + j * size_stride_;
      if (j >= length_) {
        for (size_t d = 0; d < a_.head_size; ++d) keys_[d * length_stride_ + j] = 0;
        continue;
      }
      const ProductRow key(a_.key, begin + j), value(a_.value, begin + j);
      ForVectors(
          a_.head_size,
          [&](size_t d) {
            const Floats x = key.LoadAt(offset_ + d) + Load(a_.key_bias + offset_ + d);
            for (size_t k = 0; k < kLanes; ++k) keys_[(d + k) * length_stride_ + j] = x[k];
            Store(packed_value + d, value.LoadAt(offset_ + d) + Load(a_.value_bias + offset_ + d));
          },
          [&](size_t d, size_t count) {
            for (size_t k = d; k < d + count; ++k) {
              keys_[k * length_stride_ + j] = key.At(offset_ + k) + a_.key_bias[offset_ + k];
              packed_value[k] = value.At(offset_ + k) + a_.value_bias[offset_ + k];
            }
          });
      for (size_t d = a_.head_size; d < size_stride_; ++d) packed_value[d] = 0;
    }
  }

  /// `count` (at most kQueryRows) queries from row `first`; the rows beyond repeat the last, and are not written.
  void RunQueries(size_t first, size_t count, size_t hidden) {
    for (size_t q = 0; q < kQueryRows; ++q) {
      const ProductRow query(a_.query, first + std::min(q, count - 1));
      float* packed = queries_ + q * size_stride_;
      ForVectors(
          a_.head_size,
          [&](size_t d) {
            Store(packed + d, (query.LoadAt(offset_ + d) + Load(a_.query_bias + offset_ + d)) * scale_);
          },
          [&](size_t d, size_t size) {
            for (size_t k = d; k < d + size; ++k) {
              packed[k] = (query.At(offset_ + k) + a_.query_bias[offset_ + k]) * scale_;
            }
          });
    }
    size_t j = 0;
    for (; j + 4 * kLanes <= length_stride_; j += 4 * kLanes) Scores<4>(j);
    if (j + 2 * kLanes <= length_stride_) {
      Scores<2>(j);
      j += 2 * kLanes;
    }
    if (j < length_stride_) Scores<1>(j);
    for (size_t q = 0; q < count; ++q) Softmax(scores_ + q * length_stride_);
    size_t d = 0;
    for (; d + 4 * kLanes <= size_stride_; d += 4 * kLanes) Context<4>(first, count, hidden, d);
    if (d + 2 * kLanes <= size_stride_) {
      Context<2>(first, count, hidden, d);
      d += 2 * kLanes;
    }
    if (d < size_stride_) Context<1>(first, count, hidden, d);
  }

  /// Scores of the block's queries against kWidth vectors of keys from column j.
  template <size_t kWidth>
  void Scores(size_t j) {
    Floats sums[kQueryRows][kWidth] = {};
    for (size_t d = 0; d < a_.head_size; ++d) {
      Floats keys[kWidth];
      for (size_t w = 0; w < kWidth; ++w) keys[w] = Load(keys_ + d * length_stride_ + j + w * kLanes);
      for (size_t q = 0; q < kQueryRows; ++q) {
        const Floats query = All(queries_[q * size_stride_ + d]);
        for (size_t w = 0; w < kWidth; ++w) sums[q][w] += query * keys[w];
      }
    }
    for (size_t q = 0; q < kQueryRows; ++q) {
      for (size_t w = 0; w < kWidth; ++w) Store(scores_ + q * length_stride_ + j + w * kLanes, sums[q][w]);
    }
  }

  /// In place; the columns behind the sequence become 0.
  void Softmax(float* row) const {
    Floats largest = All(row[0]);
    size_t j = 0;
    for (; j + kLanes <= length_; j += kLanes) largest = Max(largest, Load(row + j));
    float most = Largest(largest);
    for (; j < length_; ++j) most = std::max(most, row[j]);
    Floats sums = {};
    for (j = 0; j + kLanes <= length_; j += kLanes) {
      const Floats power = Exp(Load(row + j) - most);
      sums += power;
      Store(row + j, power);
    }
    if (j < length_) {
      const Floats power = Exp(Load(row + j) - most);
      Floats kept = {};
      for (size_t i = 0; i < length_ - j; ++i) kept[i] = power[i];
      sums += kept;
      Store(row + j, kept);
    }
    const Floats factor = All(1.0f / Sum(sums));
    for (j = 0; j < length_stride_; j += kLanes) Store(row + j, Load(row + j) * factor);
  }

  /// kWidth vectors of the context of the block's queries, from element d of the head.
  template <size_t kWidth>
  void Context(size_t first, size_t count, size_t hidden, size_t d) {
    Floats sums[kQueryRows][kWidth] = {};
    for (size_t j = 0; j < length_; ++j) {
      Floats values[kWidth];
      for (size_t w = 0; w < kWidth; ++w) values[w] = Load(values_ + j * size_stride_ + d + w * kLanes);
      for (size_t q = 0; q < kQueryRows; ++q) {
        const Floats weight = All(scores_[q * length_stride_ + j]);
        for (size_t w = 0; w < kWidth; ++w) sums[q][w] += weight * values[w];
      }
    }
    for (size_t q = 0; q < count; ++q) {
      float* context = a_.context + (first + q) * hidden + offset_;
      for (size_t w = 0; w < kWidth; ++w) {
        const size_t at = d + w * kLanes;
        if (at + kLanes <= a_.head_size) {
          Store(context + at, sums[q][w]);
        } else if (at < a_.head_size) {
          StoreSome(context + at, sums[q][w], a_.head_size - at);
        }
      }
    }
  }

  const AttentionArguments& a_;
  size_t size_stride_ = 0;
  float *keys_ = nullptr, *values_ = nullptr, *scores_ = nullptr, *queries_ = nullptr;
  float scale_ = 0;
  size_t length_ = 0;
  size_t length_stride_ = 0;
  size_t offset_ = 0;  ///< of the head in a row
};

void Attention(const AttentionArguments& arguments) {
  size_t longest = 0;
  for (size_t s = 0; s < arguments.sequences; ++s) {
    longest = std::max(longest, static_cast<size_t>(arguments.cu_seqlens[s + 1] - arguments.cu_seqlens[s]));
  }
  Head head(arguments, longest);
  for (size_t s = 0; s < arguments.sequences; ++s) {
    for (size_t h = 0; h < arguments.heads; ++h) head.Run(s, h);
  }
}

constexpr Passes kPasses = {Isa::ROBERTA_ISA, EmbedNorm, BiasGelu, ResidualNorm, QuantiseRows, BiasTanh, Attention};

}  // namespace
}  // namespace roberta::kernels
