#include "profiles/checkpoint/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::AsBytes;

constexpr int64_t kAllHalves = 1 << 16;

/// Every 16-bit pattern in order, after `offset_bytes` bytes of something else.
std::string AllHalves(size_t offset_bytes) {
  std::string bytes(offset_bytes, 'x');
  for (int64_t i = 0; i < kAllHalves; ++i) {
    const auto half = static_cast<uint16_t>(i);
    bytes.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
  return bytes;
}

std::vector<float> WidenAll(Dtype dtype, size_t offset_bytes) {
  const std::string bytes = AllHalves(offset_bytes);
  std::vector<float> floats(kAllHalves);
  CopyToFloat32({"all", dtype, {kAllHalves}, AsBytes(bytes).subspan(offset_bytes)}, absl::MakeSpan(floats));
  return floats;
}

/// The value of a finite or infinite number with that many bits of exponent and mantissa, from the definition of the
/// format.
double ValueOf(uint16_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

void ExpectAllValues(const std::vector<float>& floats, int exponent_bits, int mantissa_bits) {
  for (int64_t i = 0; i < kAllHalves; ++i) {
    const double expected = ValueOf(static_cast<uint16_t>(i), exponent_bits, mantissa_bits);
    const float widened = floats[static_cast<size_t>(i)];
    ASSERT_EQ(std::isnan(widened), std::isnan(expected)) << i;
    if (std::isnan(expected)) continue;
    ASSERT_EQ(widened, expected) << i;
    ASSERT_EQ(std::signbit(widened), std::signbit(expected)) << i;
  }
}

TEST(CopyToFloat32, EveryF16WidensExactly) {
  ExpectAllValues(WidenAll(Dtype::kF16, 0), 5, 10);
}
TEST(CopyToFloat32, EveryBF16WidensExactly) {
  ExpectAllValues(WidenAll(Dtype::kBF16, 0), 8, 7);
}
TEST(CopyToFloat32, F16NeedsNoAlignment) {
  ExpectAllValues(WidenAll(Dtype::kF16, 1), 5, 10);
}
TEST(CopyToFloat32, BF16NeedsNoAlignment) {
  ExpectAllValues(WidenAll(Dtype::kBF16, 1), 8, 7);
}

TEST(CopyToFloat32, F16NaNKeepsSignAndPayload) {
  const uint16_t half = 0xFD55;
  std::string bytes(reinterpret_cast<const char*>(&half), sizeof half);
  float widened = 0;
  CopyToFloat32({"nan", Dtype::kF16, {1}, AsBytes(bytes)}, absl::MakeSpan(&widened, 1));
  EXPECT_EQ(std::bit_cast<uint32_t>(widened), 0x80000000u | 0x7F800000u | (0x155u << 13));
}

#if defined(__SSE2__)
TEST(CopyToFloat32, F16SubnormalsSurviveFlushToZero) {
  const unsigned int before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // FTZ and DAZ
  const std::vector<float> floats = WidenAll(Dtype::kF16, 0);
  _mm_setcsr(before);
  ExpectAllValues(floats, 5, 10);
}
#endif

TEST(CopyToFloat32, F32IsCopiedFromAnyAlignment) {
  const float numbers[] = {1.5f, -0.0f, 1e-42f, HUGE_VALF};
  std::string bytes = "x" + std::string(reinterpret_cast<const char*>(numbers), sizeof numbers);
  float copied[4];
  CopyToFloat32({"f", Dtype::kF32, {2, 2}, AsBytes(bytes).subspan(1)}, absl::MakeSpan(copied));
  EXPECT_EQ(std::memcmp(copied, numbers, sizeof numbers), 0);
}

TEST(CopyToFloat32, EmptyTensorIsCopied) {
  CopyToFloat32({"none", Dtype::kF16, {0}, {}}, {});
}

TEST(CopyToFloat32, RoundsF64) {
  const double values[] = {1.0 + 0x1p-30, -0.1, 0x1p-1074, 1e300};
  std::vector<float> out(4);
  CopyToFloat32(Dtype::kF64, {reinterpret_cast<const std::byte*>(values), sizeof values}, absl::MakeSpan(out));
  EXPECT_EQ(out, (std::vector<float>{1, -0.1f, 0, std::numeric_limits<float>::infinity()}));
}

TEST(CopyToFloat32DeathTest, OutputOfAnotherSizeAborts) {
  const std::string bytes(8, '\0');
  float one = 0;
  EXPECT_DEATH(CopyToFloat32({"two", Dtype::kF32, {2}, AsBytes(bytes)}, absl::MakeSpan(&one, 1)), "two has 8 bytes");
}

TEST(CopyToFloat32DeathTest, IntegersAbort) {
  const std::string bytes(8, '\0');
  float one = 0;
  EXPECT_DEATH(CopyToFloat32({"ids", Dtype::kI64, {1}, AsBytes(bytes)}, absl::MakeSpan(&one, 1)), "ids has 8 bytes");
}

TEST(Dtype, NamesAreSafetensors) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16, Dtype::kF64, Dtype::kI64})
    EXPECT_EQ(DtypeFromName(DtypeName(dtype)), dtype);
  for (const char* name : {"BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0",
                           "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16", "I32", "U32", "C64", "U64"}) {
    ASSERT_TRUE(DtypeFromName(name).has_value()) << name;
    EXPECT_EQ(DtypeName(*DtypeFromName(name)), name);
    EXPECT_FALSE(IsFloat(*DtypeFromName(name))) << name;
  }
  EXPECT_EQ(DtypeName(Dtype::kBF16), "BF16");
}

TEST(Dtype, UnknownNameIsNone) {
  EXPECT_EQ(DtypeFromName("f32"), std::nullopt);
}

TEST(ShapeBytes, IsTheProductTimesTheElement) {
  EXPECT_EQ(ShapeBytes(Dtype::kF16, {3, 5}), 30u);
}
TEST(ShapeBytes, OfLessThanAByteEachIsWholeOrNone) {
  EXPECT_EQ(ShapeBytes(*DtypeFromName("F4"), {3, 2}), 3u);
  EXPECT_EQ(ShapeBytes(*DtypeFromName("F6_E2M3"), {4}), 3u);
  EXPECT_EQ(ShapeBytes(*DtypeFromName("F4"), {3}), std::nullopt);
}
TEST(ShapeBytes, OfNegativeDimensionIsNone) {
  EXPECT_EQ(ShapeBytes(Dtype::kF16, {3, -5}), std::nullopt);
}
TEST(ShapeBytes, OfOverflowIsNone) {
  EXPECT_EQ(ShapeBytes(Dtype::kF32, {int64_t{1} << 61}), std::nullopt);
}
TEST(ShapeBytes, OfTheLargestShapeIsExact) {
  EXPECT_EQ(ShapeBytes(Dtype::kF16, {(int64_t{1} << 59) - 1}), (uint64_t{1} << 60) - 2);
}

}  // namespace
}  // namespace roberta::checkpoint
