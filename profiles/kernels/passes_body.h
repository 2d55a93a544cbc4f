// The fused passes in terms of vectors.h, compiled once for each instruction set. Sizes that are no multiple of the
// vector's are finished float by float, so any shape runs.
#include <cmath>
#include <cstring>

#include "profiles/kernels/attention_body.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/product_row.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

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

constexpr Passes kPasses = {Isa::ROBERTA_ISA, EmbedNorm, BiasGelu, ResidualNorm, QuantiseRows, BiasTanh, Attention};

}  // namespace
}  // namespace roberta::kernels
