#include "profiles/checkpoint/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using ::testing::HasSubstr;

TensorView Floats(const std::vector<float>& values) {
  return {"weight",
          Dtype::kF32,
          {static_cast<int64_t>(values.size())},
          {reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(float)}};
}

/// `values` in `dtype` and back.
std::vector<float> There(const std::vector<float>& values, Dtype dtype) {
  const auto bytes = ConvertValues(Floats(values), dtype);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  std::vector<float> back(values.size());
  CopyToFloat32(dtype, *bytes, absl::MakeSpan(back));
  return back;
}

float There(float value, Dtype dtype) {
  return There(std::vector<float>{value}, dtype)[0];
}

std::string ErrorOf(float value, Dtype dtype) {
  const absl::Status status = ConvertValues(Floats({0, value}), dtype).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  return std::string(status.message());
}

TEST(ConvertValues, ToF64AndBackKeepsEveryValue) {
  const std::vector<float> values = {0.1f, -3e38f, 1e-45f, -0.0f};
  EXPECT_EQ(There(values, Dtype::kF64), values);
}

TEST(ConvertValues, OfF64RoundsToFloat32First) {
  const double values[] = {0.1, 1e300};
  const TensorView tensor = {"weight", Dtype::kF64, {2}, {reinterpret_cast<const std::byte*>(values), sizeof values}};
  EXPECT_THAT(std::string(ConvertValues(tensor, Dtype::kF32).status().message()), HasSubstr("holds inf at element 1"));
  const TensorView first = {"weight", Dtype::kF64, {1}, {reinterpret_cast<const std::byte*>(values), sizeof(double)}};
  const auto bytes = ConvertValues(first, Dtype::kF32);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  float value = 0;
  std::memcpy(&value, bytes->data(), sizeof value);
  EXPECT_EQ(value, 0.1f);
}

class HalfDtypes : public testing::TestWithParam<Dtype> {};
INSTANTIATE_TEST_SUITE_P(All, HalfDtypes, testing::Values(Dtype::kF16, Dtype::kBF16));

TEST_P(HalfDtypes, EveryFiniteValueComesBackBitForBit) {
  std::vector<uint16_t> halves;
  std::vector<float> floats;
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    float value = 0;
    CopyToFloat32(GetParam(), {reinterpret_cast<const std::byte*>(&half), sizeof half}, {&value, 1});
    if (!std::isfinite(value)) continue;
    halves.push_back(half);
    floats.push_back(value);
  }
  const auto bytes = ConvertValues(Floats(floats), GetParam()).value();
  ASSERT_EQ(bytes.size(), halves.size() * sizeof halves[0]);
  EXPECT_EQ(std::memcmp(bytes.data(), halves.data(), bytes.size()), 0);
}

TEST_P(HalfDtypes, WhatIsBetweenTwoNeighborsGoesToTheNearerAndOfTiesToTheEvenOne) {
  std::vector<float> neighbors;
  for (uint32_t bits = 0; bits < 0x7000u; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    CopyToFloat32(GetParam(), {reinterpret_cast<const std::byte*>(&half), sizeof half}, {&neighbors.emplace_back(), 1});
  }
  std::vector<float> values, expected;
  for (size_t i = 0; i + 1 < neighbors.size(); ++i) {
    const float middle = static_cast<float>((static_cast<double>(neighbors[i]) + neighbors[i + 1]) / 2);
    if (!(middle > neighbors[i] && middle < neighbors[i + 1])) continue;  // float32 has none there
    values.insert(values.end(), {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, 1e30f), -middle});
    const float even = neighbors[i % 2 == 0 ? i : i + 1];
    expected.insert(expected.end(), {neighbors[i], even, neighbors[i + 1], -even});
  }
  ASSERT_GT(values.size(), 100000u);
  EXPECT_TRUE(There(values, GetParam()) == expected);
}

TEST_P(HalfDtypes, NanAndInfinityAreRefused) {
  EXPECT_EQ(ErrorOf(std::numeric_limits<float>::quiet_NaN(), GetParam()), "tensor \"weight\" holds nan at element 1");
  EXPECT_EQ(ErrorOf(-std::numeric_limits<float>::infinity(), GetParam()), "tensor \"weight\" holds -inf at element 1");
}

TEST(ConvertValues, TheLargestThatF16HoldsIsKeptAndWhatRoundsToInfinityRefused) {
  EXPECT_EQ(There(65504.0f, Dtype::kF16), 65504.0f);
  EXPECT_EQ(There(-65519.0f, Dtype::kF16), -65504.0f);
  EXPECT_EQ(ErrorOf(65520, Dtype::kF16), "tensor \"weight\" holds 65520 at element 1, which is too large for F16");
  EXPECT_THAT(ErrorOf(-3e38f, Dtype::kF16), HasSubstr("-3e+38 at element 1, which is too large for F16"));
}

TEST(ConvertValues, WhatRoundsToInfinityInBf16IsRefused) {
  EXPECT_EQ(There(3.3895314e38f, Dtype::kBF16), 3.3895314e38f);
  EXPECT_THAT(ErrorOf(3.4028235e38f, Dtype::kBF16), HasSubstr("too large for BF16"));
}

TEST(ConvertValues, Float32StaysAsItIs) {
  const std::vector<float> values = {1.1f, -0.0f, 1e-45f, 3e38f};
  EXPECT_EQ(There(values, Dtype::kF32), values);
  EXPECT_THAT(ErrorOf(std::numeric_limits<float>::quiet_NaN(), Dtype::kF32), HasSubstr("holds nan"));
}

TEST(ConvertValues, OneHalfGoesToTheOther) {
  const uint16_t half = 0x3C01;  // 1 + 2^-10
  const TensorView tensor = {"weight", Dtype::kF16, {1}, {reinterpret_cast<const std::byte*>(&half), sizeof half}};
  const auto bytes = ConvertValues(tensor, Dtype::kBF16).value();
  float value = 0;
  CopyToFloat32(Dtype::kBF16, bytes, {&value, 1});
  EXPECT_EQ(value, 1);
}

}  // namespace
}  // namespace roberta::checkpoint
