// Every pass on every instruction set of this host against the formula in double precision, over sizes that fill
// vectors and sizes that do not.
#include "profiles/kernels/passes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "profiles/checkpoint/config.h"
#include "profiles/kernels/aligned_buffer.h"
#include "tests/profiles/kernels/random_floats.h"

namespace roberta::kernels {
namespace {

using Vector = std::vector<float>;
constexpr size_t kRows = 3;
constexpr size_t kSizes[] = {1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 384, 768, 1000};

ProductRows Floats(const Vector& values, size_t columns) {
  return {.values = values.data(), .stride = columns};
}

/// Rows of `columns` values as bytes.
struct Quantized {
  Quantized(const Passes& passes, const Vector& values, size_t columns)
      : bytes(values.size()), scale(values.size() / columns), zero(scale.size()) {
    passes.convert_rows(values.data(), {Precision::kInt8, bytes.data(), scale.data(), zero.data()}, scale.size(),
                        columns);
  }
  std::vector<uint8_t> bytes;
  Vector scale;
  std::vector<int32_t> zero;
};

class PassesOf : public testing::TestWithParam<Isa> {
 protected:
  const Passes& passes_ = PassesFor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Isas, PassesOf, testing::ValuesIn(PassIsas()),
                         [](const auto& one) { return std::string(IsaName(one.param)); });

std::vector<double> NormOf(const std::vector<double>& row, const Vector& gamma, const Vector& beta, double epsilon) {
  double mean = 0, variance = 0;
  for (const double x : row) mean += x / static_cast<double>(row.size());
  for (const double x : row) variance += (x - mean) * (x - mean) / static_cast<double>(row.size());
  std::vector<double> normed(row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    normed[i] =
        (row[i] - mean) / std::sqrt(variance + epsilon) * static_cast<double>(gamma[i]) + static_cast<double>(beta[i]);
  }
  return normed;
}

TEST_P(PassesOf, IsWhatItSays) {
  EXPECT_EQ(passes_.isa, GetParam());
}

TEST_P(PassesOf, BiasGelu) {
  for (const size_t columns : kSizes) {
    const Vector input = RandomFloats(kRows * columns, 1, 3), bias = RandomFloats(columns, 2);
    Vector values = input;
    passes_.bias_activation(Floats(values, columns), bias.data(), nullptr, {.values = values.data()}, nullptr, kRows,
                            columns);
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = static_cast<double>(input[i] + bias[i % columns]);
      EXPECT_NEAR(values[i], 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))), 2e-6 * std::max(1.0, std::abs(x))) << x;
    }
  }
}

TEST_P(PassesOf, GeluOfExtremes) {
  Vector values = {-1e30f, -100, -20, -0.0f, 0, 1e-30f, 20, 100, 1e30f};
  const Vector expected = {0, 0, 0, 0, 0, 0.5e-30f, 20, 100, 1e30f}, bias(values.size(), 0.0f);
  passes_.bias_activation(Floats(values, values.size()), bias.data(), nullptr, {.values = values.data()}, nullptr, 1,
                          values.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], 1e-6f * std::abs(expected[i]) + 1e-30f) << i;
}

/// The formulas of transformers' activations.py.
double Activated(const std::string& name, double x) {
  const auto sigmoid = [](double y) { return 1 / (1 + std::exp(-y)); };
  const double gelu = 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))), relu = std::max(x, 0.0);
  const std::map<std::string, double> values = {
      {"gelu", gelu},
      {"gelu_new", 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)))},
      {"gelu_10", std::clamp(gelu, -10.0, 10.0)},
      {"quick_gelu", x * sigmoid(1.702 * x)},
      {"silu", x * sigmoid(x)},
      {"mish", x * std::tanh(std::log1p(std::exp(x)))},
      {"hardswish", x * std::clamp(x + 3, 0.0, 6.0) / 6},
      {"relu", relu},
      {"relu2", relu * relu},
      {"relu6", std::min(relu, 6.0)},
      {"leaky_relu", x > 0 ? x : 0.01 * x},
      {"sigmoid", sigmoid(x)},
      {"tanh", std::tanh(x)},
      {"laplace", 0.5 * (1 + std::erf((x - 0.707107) / (0.282095 * std::sqrt(2.0))))},
      {"sqrtsoftplus", std::sqrt(x > 20 ? x : std::log1p(std::exp(x)))},
      {"linear", x}};
  return values.at(name);
}

TEST_P(PassesOf, BiasActivationOfEveryHiddenAct) {
  for (const std::string_view name : checkpoint::HiddenActs()) {
    for (const size_t columns : kSizes) {
      const Vector input = RandomFloats(kRows * columns, 1, 15), bias = RandomFloats(columns, 2);
      Vector values = input;
      passes_.bias_activation(Floats(values, columns), bias.data(), passes_.find_activation(name),
                              {.values = values.data()}, nullptr, kRows, columns);
      for (size_t i = 0; i < values.size(); ++i) {
        const double x = static_cast<double>(input[i] + bias[i % columns]);
        const double expected = Activated(std::string(name), x);
        EXPECT_NEAR(values[i], expected, 2e-6 * std::max(1.0, std::abs(expected))) << name << " of " << x;
      }
    }
  }
}

TEST_P(PassesOf, BiasActivationOfExtremes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::string_view name : checkpoint::HiddenActs()) {
    Vector values = {-1e4f, -100, 0, 100, 1e4f, nan};
    const Vector input = values, bias(values.size(), 0.0f);
    passes_.bias_activation(Floats(values, values.size()), bias.data(), passes_.find_activation(name),
                            {.values = values.data()}, nullptr, 1, values.size());
    EXPECT_TRUE(std::isnan(values.back())) << name;
    for (size_t i = 0; i + 1 < values.size(); ++i) {
      const double expected = Activated(std::string(name), static_cast<double>(input[i]));
      EXPECT_NEAR(values[i], expected, 2e-6 * std::max(1.0, std::abs(expected))) << name << " of " << input[i];
    }
  }
}

TEST_P(PassesOf, ResidualNorm) {
  for (const size_t hidden : kSizes) {
    const Vector linear = RandomFloats(kRows * hidden, 1), bias = RandomFloats(hidden, 2),
                 gamma = RandomFloats(hidden, 3), beta = RandomFloats(hidden, 4),
                 before = RandomFloats(kRows * hidden, 5, 10);
    Vector residual = before;
    passes_.residual_norm(Floats(linear, hidden), bias.data(), residual.data(), {gamma.data(), beta.data(), 1e-5f}, {},
                          kRows, hidden);
    for (size_t r = 0; r < kRows; ++r) {
      std::vector<double> row(hidden);
      for (size_t i = 0; i < hidden; ++i) {
        row[i] = static_cast<double>(linear[r * hidden + i]) + static_cast<double>(bias[i]) +
                 static_cast<double>(before[r * hidden + i]);
      }
      const std::vector<double> expected = NormOf(row, gamma, beta, 1e-5);
      for (size_t i = 0; i < hidden; ++i) EXPECT_NEAR(residual[r * hidden + i], expected[i], 2e-4) << hidden;
    }
  }
}

TEST_P(PassesOf, EmbedNorm) {
  constexpr size_t kPositions = 5;
  const int32_t position_ids[kRows] = {2, 0, 4};
  for (const size_t hidden : kSizes) {
    const Vector words = RandomFloats(kRows * hidden, 1), position = RandomFloats(kPositions * hidden, 2),
                 type = RandomFloats(hidden, 3), gamma = RandomFloats(hidden, 4), beta = RandomFloats(hidden, 5);
    Vector rows = words;
    passes_.embed_norm({.rows = rows.data(),
                        .position_ids = position_ids,
                        .tokens = kRows,
                        .hidden = hidden,
                        .position = position.data(),
                        .type = type.data(),
                        .norm = {gamma.data(), beta.data(), 1e-12f}});
    if (hidden < 3) continue;  // the variance of one or two numbers magnifies rounding without bound
    for (size_t r = 0; r < kRows; ++r) {
      std::vector<double> row(hidden);
      for (size_t i = 0; i < hidden; ++i) {
        row[i] = static_cast<double>(words[r * hidden + i]) + static_cast<double>(type[i]) +
                 static_cast<double>(position[static_cast<size_t>(position_ids[r]) * hidden + i]);
      }
      const std::vector<double> expected = NormOf(row, gamma, beta, 1e-12);
      for (size_t i = 0; i < hidden; ++i) EXPECT_NEAR(rows[r * hidden + i], expected[i], 2e-4) << hidden;
    }
  }
}

TEST_P(PassesOf, BiasTanh) {
  const Vector input = RandomFloats(20, 1), bias = RandomFloats(10, 2);
  Vector values = input;
  passes_.bias_tanh(values.data(), bias.data(), 2, 10);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], std::tanh(input[i] + bias[i % 10]), 1e-6);
}

TEST_P(PassesOf, IntegersAreReadWithTheirScales) {
  for (const size_t columns : kSizes) {
    std::vector<int32_t> ints(kRows * columns);
    for (size_t i = 0; i < ints.size(); ++i) ints[i] = static_cast<int32_t>(i * 7919 % 2001) - 1000;
    const Vector row_scale = {0.01f, 0.02f, 0.005f}, column_scale = RandomFloats(columns, 1),
                 bias = RandomFloats(columns, 2);
    const std::vector<int32_t> row_zero = {0, 255, 17};
    std::vector<int32_t> column_sum(columns);
    for (size_t i = 0; i < columns; ++i) column_sum[i] = static_cast<int32_t>(i * 1289 % 601) - 300;
    Vector floats(ints.size());
    for (size_t i = 0; i < ints.size(); ++i) {
      floats[i] = static_cast<float>(ints[i]) * (column_scale[i % columns] * row_scale[i / columns]);
      ints[i] += row_zero[i / columns] * column_sum[i % columns];
    }
    const ProductRows product = {.values = ints.data(),
                                 .stride = columns,
                                 .row_scale = row_scale.data(),
                                 .row_zero = row_zero.data(),
                                 .column_scale = column_scale.data(),
                                 .column_sum = column_sum.data()};
    Vector from_ints(ints.size()), from_floats(ints.size());
    passes_.bias_activation(product, bias.data(), nullptr, {.values = from_ints.data()}, nullptr, kRows, columns);
    passes_.bias_activation(Floats(floats, columns), bias.data(), nullptr, {.values = from_floats.data()}, nullptr,
                            kRows, columns);
    for (size_t i = 0; i < ints.size(); ++i) EXPECT_NEAR(from_ints[i], from_floats[i], 1e-4f) << columns;
  }
}

TEST_P(PassesOf, QuantizedRowsAreWithinHalfAStep) {
  for (const size_t columns : kSizes) {
    Vector values = RandomFloats(kRows * columns, 1);
    std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(columns), columns, 0.0f);
    for (size_t i = 2 * columns; i < values.size(); ++i) values[i] = std::abs(values[i]);  // as GELU leaves them
    const Quantized rows(passes_, values, columns);
    EXPECT_EQ(rows.scale[1], 0);
    EXPECT_EQ(rows.zero[2], 0);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t r = i / columns;
      const auto value = static_cast<float>(rows.bytes[i] - rows.zero[r]) * rows.scale[r];
      EXPECT_NEAR(value, values[i], 0.501f * rows.scale[r]) << columns;
    }
  }
}

TEST_P(PassesOf, BothEndsOfARowThatIsHalfBelowZeroAreBytes) {
  const Vector values = {-127.5f, 127.5f, 0, -127.0f, 126.9f};
  const Quantized rows(passes_, values, values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(static_cast<float>(rows.bytes[i] - rows.zero[0]) * rows.scale[0], values[i], 0.51f) << values[i];
  }
  EXPECT_EQ(rows.bytes[2], rows.zero[0]);
}

TEST_P(PassesOf, ARowThatIsNoNumberHasNoScale) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Vector values(2 * 37, 1.0f);
    values[36] = bad;
    const Quantized rows(passes_, values, 37);
    EXPECT_TRUE(std::isnan(rows.scale[0]));
    EXPECT_FLOAT_EQ(rows.scale[1], 1 / 254.0f);
  }
}

TEST_P(PassesOf, NothingThatIsNotANumberIsHidden) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t columns : {size_t{5}, size_t{32}}) {
    const Vector ones(columns, 1), zeros(columns, 0);
    Vector values(columns, 1);
    values[columns - 1] = nan;
    passes_.bias_activation(Floats(values, columns), zeros.data(), nullptr, {.values = values.data()}, nullptr, 1,
                            columns);
    EXPECT_TRUE(std::isnan(values[columns - 1]));
    Vector residual(columns, 1);
    passes_.residual_norm(Floats(values, columns), zeros.data(), residual.data(), {ones.data(), zeros.data(), 1e-5f},
                          {}, 1, columns);
    for (const float x : residual) EXPECT_TRUE(std::isnan(x));
  }
}

TEST_P(PassesOf, BFloat16IsRoundedToNearestEven) {
  const Vector values = {1.0f,
                         1.00390625f,
                         1.01171875f,
                         1.00390637f,
                         -3.0f,
                         0.0f,
                         3.3895314e38f,
                         1e30f,
                         std::numeric_limits<float>::infinity(),
                         std::numeric_limits<float>::quiet_NaN()};
  const std::vector<uint16_t> expected = {0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xC040, 0, 0x7F7F, 0x714A, 0x7F80, 0x7FC0};
  std::vector<uint16_t> halves(values.size());
  passes_.convert_rows(values.data(), {.precision = Precision::kBFloat16, .values = halves.data()}, 1, values.size());
  EXPECT_EQ(halves, expected);
}

TEST_P(PassesOf, WhatIsLeftForTheNextProductIsWhatThePassComputes) {
  for (const size_t columns : {size_t{33}, size_t{64}}) {
    const Vector input = RandomFloats(kRows * columns, 1), bias = RandomFloats(columns, 2), ones(columns, 1.0f);
    Vector residual = RandomFloats(kRows * columns, 3), scratch(columns), gelu(input.size());
    passes_.bias_activation(Floats(input, columns), bias.data(), nullptr, {.values = gelu.data()}, nullptr, kRows,
                            columns);
    for (const Precision precision : {Precision::kBFloat16, Precision::kInt8}) {
      std::vector<uint16_t> left(input.size()), converted(input.size());
      Vector left_scale(kRows), converted_scale(kRows);
      std::vector<int32_t> left_zero(kRows), converted_zero(kRows);
      const NextRows from_pass = {precision, left.data(), left_scale.data(), left_zero.data()};
      const NextRows from_floats = {precision, converted.data(), converted_scale.data(), converted_zero.data()};
      passes_.bias_activation(Floats(input, columns), bias.data(), nullptr, from_pass, scratch.data(), kRows, columns);
      passes_.convert_rows(gelu.data(), from_floats, kRows, columns);
      EXPECT_EQ(left, converted);
      EXPECT_EQ(left_scale, converted_scale);
      EXPECT_EQ(left_zero, converted_zero);
      passes_.residual_norm(Floats(input, columns), bias.data(), residual.data(), {ones.data(), bias.data(), 1e-5f},
                            from_pass, kRows, columns);
      passes_.convert_rows(residual.data(), from_floats, kRows, columns);
      EXPECT_EQ(left, converted);
      EXPECT_EQ(left_scale, converted_scale);
      EXPECT_EQ(left_zero, converted_zero);
    }
  }
}

/// What each pass leaves of the same rows, one after the other.
Vector EverythingOf(const Passes& passes, size_t columns) {
  const Vector input = RandomFloats(kRows * columns, 1, 3), bias = RandomFloats(columns, 2),
               gamma = RandomFloats(columns, 3), position = RandomFloats(kRows * columns, 4);
  const std::vector<int32_t> ids = {2, 0, 1};
  Vector all, rows = input;
  const auto keep = [&] { all.insert(all.end(), rows.begin(), rows.end()); };
  const LayerNorm norm = {gamma.data(), bias.data(), 1e-5f};
  passes.embed_norm({.rows = rows.data(),
                     .position_ids = ids.data(),
                     .tokens = kRows,
                     .hidden = columns,
                     .position = position.data(),
                     .type = bias.data(),
                     .norm = norm,
                     .next = {}});
  keep();
  Quantized bytes(passes, input, columns);
  all.insert(all.end(), bytes.bytes.begin(), bytes.bytes.end());
  all.insert(all.end(), bytes.scale.begin(), bytes.scale.end());
  passes.residual_norm(Floats(input, columns), bias.data(), rows.data(), norm, {}, kRows, columns);
  keep();
  for (const std::string_view name : checkpoint::HiddenActs()) {
    rows = input;
    passes.bias_activation(Floats(rows, columns), bias.data(), passes.find_activation(name), {.values = rows.data()},
                           nullptr, kRows, columns);
    keep();
  }
  // Two heads of a sequence of 30 tokens and of one of 3.
  const size_t heads = 2, tokens = 33;
  const std::vector<int32_t> cu_seqlens = {0, 30, 33};
  const Vector product = RandomFloats(tokens * 3 * heads * columns, 5, 2),
               biases = RandomFloats(3 * heads * columns, 6);
  AlignedBuffer<float> scratch(AttentionScratchFloats(30, columns));
  rows.assign(tokens * heads * columns, 0);
  const ProductRows query_key_value = {.values = product.data(), .stride = 3 * heads * columns};
  passes.attention({.query = query_key_value,
                    .key = query_key_value.Columns(heads * columns),
                    .value = query_key_value.Columns(2 * heads * columns),
                    .query_bias = biases.data(),
                    .key_bias = biases.data(),
                    .value_bias = biases.data(),
                    .cu_seqlens = cu_seqlens.data(),
                    .sequences = 2,
                    .heads = heads,
                    .head_size = columns,
                    .context = rows.data(),
                    .scratch = scratch.data()});
  keep();
  return all;
}

TEST(Passes, GiveTheSameBitsWithEveryFusedMultiplyAdd) {
  if (!HostHas(Isa::kAvx512)) GTEST_SKIP() << "not measured: this host has no AVX-512";
  for (const size_t columns : kSizes) {
    const Vector one = EverythingOf(PassesFor(Isa::kAvx2), columns),
                 other = EverythingOf(PassesFor(Isa::kAvx512), columns);
    ASSERT_EQ(one.size(), other.size());
    for (size_t i = 0; i < one.size(); ++i) ASSERT_EQ(one[i], other[i]) << columns << " columns, value " << i;
  }
}

TEST(FastestIsa, IsOneOfTheHosts) {
  const std::vector<Isa>& isas = PassIsas();
  EXPECT_NE(std::find(isas.begin(), isas.end(), FastestIsa()), isas.end());
}

}  // namespace
}  // namespace roberta::kernels
