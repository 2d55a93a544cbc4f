// The fused passes in terms of vectors.h, compiled once for each instruction set: by a file that defines its Isa, the
// lanes of its vectors, and the name of the function that returns them. Sizes that are no multiple of the vector's are
// finished float by float, so any shape runs.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "profiles/kernels/attention_body.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/row_body.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

/// Two passes over a row that is in the first-level cache: sums of the deviations from the mean do not cancel.
inline void NormalizeRow(float* row, const LayerNorm& norm, size_t hidden) {
  const auto count = static_cast<float>(hidden);
  const float mean =
      SumInOrder(
          hidden, [&](size_t i) { return Load(row + i); },
          [&](size_t i, size_t some) { return LoadSome(row + i, some); }, [](Floats& sum, Floats x) { sum += x; }) /
      count;
  const float variance = SumInOrder(
                             hidden, [&](size_t i) { return Load(row + i) - mean; },
                             [&](size_t i, size_t some) {
                               Floats deviations = {};
                               for (size_t k = 0; k < some; ++k) deviations[k] = row[i + k] - mean;
                               return deviations;
                             },
                             [](Floats& sum, Floats deviation) { sum += deviation * deviation; }) /
                         count;
  const float scale = 1.0f / std::sqrt(variance + norm.epsilon);
  ForVectors(
      hidden,
      [&](size_t i) { Store(row + i, (Load(row + i) - mean) * scale * Load(norm.gamma + i) + Load(norm.beta + i)); },
      [&](size_t i, size_t some) {
        for (size_t k = i; k < i + some; ++k) row[k] = (row[k] - mean) * scale * norm.gamma[k] + norm.beta[k];
      });
}

void EmbedNorm(const EmbedArguments& a) {
  for (size_t t = 0; t < a.tokens; ++t) {
    float* row = a.rows + t * a.hidden;
    const float* position = a.position + static_cast<size_t>(a.position_ids[t]) * a.hidden;
    ForVectors(
        a.hidden, [&](size_t i) { Store(row + i, Load(row + i) + Load(a.type + i) + Load(position + i)); },
        [&](size_t i, size_t count) {
          for (size_t k = i; k < i + count; ++k) row[k] = row[k] + a.type[k] + position[k];
        });
    NormalizeRow(row, a.norm, a.hidden);
    LeaveRow(row, a.next, t, a.hidden);
  }
}

void BiasActivation(const ProductRows& product, const float* bias, RowFunction activation, const NextRows& next,
                    float* row_scratch, size_t rows, size_t columns) {
  const bool is_float = next.precision == Precision::kFloat32;
  ForSumsOf(product, [&](auto sums) {
    for (size_t r = 0; r < rows; ++r) {
      const ProductRow<sums()> row(product, r);
      float* out = is_float ? static_cast<float*>(next.values) + r * columns : row_scratch;
      if (activation == nullptr) {
        ForVectors(
            columns, [&](size_t i) { Store(out + i, Gelu(row.LoadAt(i) + Load(bias + i))); },
            [&](size_t i, size_t count) {
              StoreSome(out + i, Gelu(row.LoadSomeAt(i, count) + LoadSome(bias + i, count)), count);
            });
      } else {
        ForVectors(
            columns, [&](size_t i) { Store(out + i, row.LoadAt(i) + Load(bias + i)); },
            [&](size_t i, size_t count) {
              StoreSome(out + i, row.LoadSomeAt(i, count) + LoadSome(bias + i, count), count);
            });
        activation(out, columns);
      }
      LeaveRow(out, next, r, columns);
    }
  });
}

inline Floats Clip(Floats x, float least, float most) {
  return x < least ? All(least) : x > most ? All(most) : x;
}
inline Floats Relu(Floats x) {
  return Max(Floats{}, x);
}

template <typename Function>
void ApplyToRow(float* row, size_t columns) {
  constexpr Function kFunction;
  ForVectors(
      columns, [&](size_t i) { Store(row + i, kFunction(Load(row + i))); },
      [&](size_t i, size_t count) { StoreSome(row + i, kFunction(LoadSome(row + i, count)), count); });
}

struct NamedFunction {
  std::string_view name;
  RowFunction function;
};
template <typename Function>
constexpr NamedFunction Named(std::string_view name, Function /*function*/) {
  return {name, ApplyToRow<Function>};
}

constexpr NamedFunction kActivations[] = {
    {"gelu", nullptr},
    // 1 + tanh(y) = 2 sigmoid(2 y)
    Named("gelu_new", [](Floats x) { return x * Sigmoid(1.5957691216f * (x + 0.044715f * x * x * x)); }),
    Named("gelu_10", [](Floats x) { return Clip(Gelu(x), -10, 10); }),
    Named("quick_gelu", [](Floats x) { return x * Sigmoid(1.702f * x); }),
    Named("silu", [](Floats x) { return x * Sigmoid(x); }),
    Named("mish",
          [](Floats x) {  // x tanh(ln(1 + e^x)), which is x from 20 on
            const Floats power = Exp(Clip(x, -87, 20)), n = power * (power + 2.0f);
            return x * n / (n + 2.0f);
          }),
    Named("hardswish", [](Floats x) { return x * Clip(x + 3.0f, 0, 6) * (1.0f / 6); }),
    Named("relu", [](Floats x) { return Relu(x); }),
    Named("relu2", [](Floats x) { return Relu(x) * Relu(x); }),
    Named("relu6", [](Floats x) { return Clip(x, 0, 6); }),
    Named("leaky_relu", [](Floats x) { return Max(0.01f * x, x); }),
    Named("sigmoid", [](Floats x) { return Sigmoid(x); }),
    Named("tanh", [](Floats x) { return 2.0f * Sigmoid(2.0f * x) - 1.0f; }),
    Named("laplace", [](Floats x) { return 0.5f + 0.5f * Erf((x - 0.707107f) * (0.70710678f / 0.282095f)); }),
    Named("sqrtsoftplus",
          [](Floats x) {
            for (size_t i = 0; i < kLanes; ++i) x[i] = std::sqrt(x[i] > 20 ? x[i] : std::log1p(std::exp(x[i])));
            return x;
          }),
    Named("linear", [](Floats x) { return x; })};

RowFunction FindActivation(std::string_view name) {
  return std::find_if(std::begin(kActivations), std::end(kActivations),
                      [&](const auto& one) { return one.name == name; })
      ->function;
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
            for (size_t k = i; k < i + count; ++k) out[k] = out[k] + row.At(k) + bias[k];
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

constexpr Passes kPasses = {Isa::ROBERTA_ISA, EmbedNorm,   FindActivation, BiasActivation,
                            ResidualNorm,     ConvertRows, BiasTanh,       Attention<FloatDots>};

}  // namespace

const Passes& ROBERTA_PASSES() {
  return kPasses;
}

}  // namespace roberta::kernels
