// The fused passes in terms of vectors.h, compiled once for each instruction set: by a file that defines its Isa, the
// lanes of its vectors, and the name of the function that returns them. Sizes that are no multiple of the vector's are
// finished float by float, so any shape runs.
#include <cmath>

#include "profiles/kernels/attention_body.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/row_body.h"
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
    LeaveRow(row, a.next, t, a.hidden);
  }
}

void BiasGelu(const ProductRows& product, const float* bias, const NextRows& next, float* row_scratch, size_t rows,
              size_t columns) {
  const bool is_float = next.precision == Precision::kFloat32;
  ForSumsOf(product, [&](auto sums) {
    for (size_t r = 0; r < rows; ++r) {
      const ProductRow<sums()> row(product, r);
      float* out = is_float ? static_cast<float*>(next.values) + r * columns : row_scratch;
      ForVectors(
          columns, [&](size_t i) { Store(out + i, Gelu(row.LoadAt(i) + Load(bias + i))); },
          [&](size_t i, size_t count) {
            StoreSome(out + i, Gelu(row.LoadSomeAt(i, count) + LoadSome(bias + i, count)), count);
          });
      LeaveRow(out, next, r, columns);
    }
  });
}

void ResidualNorm(const ProductRows& product, const float* bias, float* residual, const LayerNorm& norm,
                  const NextRows& next, size_t rows, size_t hidden) {
  ForSumsOf(product, [&](auto sums) {
    for (size_t r = 0; r < rows; ++r) {
      const ProductRow<sums()> row(product, r);
      float* out = residual + r * hidden;
      ForVectors(
          hidden, [&](size_t i) { Store(out + i, Load(out + i) + row.LoadAt(i) + Load(bias + i)); },
          [&](size_t i, size_t count) {
            for (size_t k = i; k < i + count; ++k) out[k] += row.At(k) + bias[k];
          });
      NormalizeRow(out, norm, hidden);
      LeaveRow(out, next, r, hidden);
    }
  });
}

void ConvertRows(const float* values, const NextRows& next, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; ++r) LeaveRow(values + r * columns, next, r, columns);
}

void BiasTanh(float* values, const float* bias, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; ++r, values += columns) {
    for (size_t i = 0; i < columns; ++i) values[i] = std::tanh(values[i] + bias[i]);
  }
}

constexpr Passes kPasses = {Isa::ROBERTA_ISA, EmbedNorm,           BiasGelu, ResidualNorm, ConvertRows,
                            BiasTanh,         Attention<FloatDots>};

}  // namespace

const Passes& ROBERTA_PASSES() {
  return kPasses;
}

}  // namespace roberta::kernels
