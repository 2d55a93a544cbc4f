#include "profiles/kernels/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/tiles.h"
#include "tests/profiles/kernels/random_floats.h"

namespace roberta::kernels {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Precision kAllPrecisions[] = {Precision::kFloat32, Precision::kBFloat16, Precision::kInt8,
                                        Precision::kBFloat16Weights};

/// What multiplies: a backend, and of which instruction set its tiles are.
struct Kernel {
  Backend backend;
  std::optional<Isa> isa;

  std::shared_ptr<const LinearShape> Make(int64_t in, int64_t out, int64_t max_rows, Precision precision) const {
    return LinearShape::Make(in, out, max_rows, precision, backend, isa).value();
  }
};

/// All that this host has for products of a precision.
std::vector<Kernel> KernelsFor(Precision precision) {
  std::vector<Kernel> kernels;
  for (const Isa isa : HostIsas()) {
    if (TilesFor(isa, precision) != nullptr) kernels.push_back({Backend::kTiles, isa});
  }
  if (LinearShape::Make(64, 64, 16, precision, Backend::kOneDnn).ok()) kernels.push_back({Backend::kOneDnn, {}});
  return kernels;
}

/// Rows of bytes as `shape` reads them, and behind them what it may read and must not count.
AlignedBuffer<uint16_t> ByteRows(const LinearShape& shape, int64_t rows) {
  const auto size = static_cast<size_t>(shape.RoundedRows(rows) * shape.in());
  AlignedBuffer<uint16_t> buffer(size + 64);
  std::memset(buffer.data(), 0x7F, buffer.bytes());
  auto* const bytes = reinterpret_cast<uint8_t*>(buffer.data());
  for (size_t i = 0; i < size; ++i) {
    const auto value = static_cast<uint8_t>(i % 251 * 31);
    if (shape.reads_wide_bytes()) {
      buffer.data()[i] = value;
    } else {
      bytes[i] = value;
    }
  }
  return buffer;
}

/// The sums of such rows.
std::vector<int32_t> SumsOfBytes(const std::shared_ptr<const LinearShape>& shape, const PackedWeight& packed,
                                 int64_t rows) {
  const AlignedBuffer<uint16_t> from = ByteRows(*shape, rows);
  AlignedBuffer<int32_t> to(static_cast<size_t>(shape->RoundedRows(rows) * shape->out()));
  AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
  EXPECT_TRUE(LinearRunner(shape).Run(packed, from.data(), rows, to.data(), scratch.data()));
  return {to.data(), to.data() + rows * shape->out()};
}

/// A product with its weights, ready to run.
struct Ready {
  Ready(int64_t in_columns, int64_t out_columns, int64_t max_rows, const Kernel& kernel = {Backend::kFastest, {}})
      : in(in_columns), out(out_columns), shape(kernel.Make(in, out, max_rows, Precision::kFloat32)) {
    weights = RandomFloats(static_cast<size_t>(in * out), 1);
    auto made = shape->Pack(weights);
    EXPECT_TRUE(made.ok()) << made.status();
    packed = std::make_unique<PackedWeight>(*std::move(made));
  }

  std::vector<float> Run(const std::vector<float>& rows_in, int64_t rows) const {
    const auto rounded = static_cast<size_t>(shape->RoundedRows(rows));
    AlignedBuffer<float> from(rounded * static_cast<size_t>(in)), to(rounded * static_cast<size_t>(out));
    AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
    std::copy(rows_in.begin(), rows_in.end(), from.data());
    LinearRunner runner(shape);
    ComputeOnCallingThreadOnly();
    EXPECT_TRUE(runner.Run(*packed, from.data(), rows, to.data(), scratch.data()));
    return {to.data(), to.data() + rows * out};
  }

  double Expected(const std::vector<float>& rows_in, int64_t row, int64_t column) const {
    double sum = 0;
    for (int64_t k = 0; k < in; ++k) {
      sum += static_cast<double>(rows_in[static_cast<size_t>(row * in + k)]) *
             static_cast<double>(weights[static_cast<size_t>(column * in + k)]);
    }
    return sum;
  }

  const int64_t in, out;
  const std::shared_ptr<const LinearShape> shape;
  std::vector<float> weights;
  std::unique_ptr<PackedWeight> packed;
};

TEST(Linear, EqualsTheProductOverOddShapesAndRows) {
  for (const Kernel& kernel : KernelsFor(Precision::kFloat32)) {
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{64, 192}, {96, 200}, {200, 96}, {33, 7}, {128, 1}}) {
      const Ready product(in, out, 100, kernel);
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 13, 15, 16, 17, 70, 100}) {
        const std::vector<float> input = RandomFloats(static_cast<size_t>(rows * in), 2);
        const std::vector<float> output = product.Run(input, rows);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < out; c += 5) {
            ASSERT_NEAR(output[static_cast<size_t>(r * out + c)], product.Expected(input, r, c), 1e-3)
                << product.shape->implementation() << " " << in << "x" << out << " row " << r << " of " << rows;
          }
        }
      }
    }
  }
}

TEST(Linear, TilesWithFusedMultiplyAddGiveTheSameBits) {
  std::vector<float> expected;
  const std::vector<float> input = RandomFloats(17 * 200, 2);
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    if (TilesFor(isa, Precision::kFloat32) == nullptr) continue;
    const std::vector<float> output = Ready(200, 97, 17, {Backend::kTiles, isa}).Run(input, 17);
    if (expected.empty()) expected = output;
    EXPECT_EQ(output, expected) << IsaName(isa);
  }
  if (expected.empty()) GTEST_SKIP() << "not measured: this host has no AVX2";
}

TEST(Linear, WeightsStoredAsBFloat16GiveTheBitsOfTheirRoundedValues) {
  const std::vector<Kernel> kernels = KernelsFor(Precision::kBFloat16Weights);
  if (kernels.empty()) GTEST_SKIP() << "not measured: this host has no AVX2";
  const int64_t in = 101, out = 75, rows = 19;
  std::vector<float> weights = RandomFloats(static_cast<size_t>(in * out), 1);
  const std::vector<float> input = RandomFloats(static_cast<size_t>(rows * in), 2);
  AlignedBuffer<float> from(input.size()), to(static_cast<size_t>(rows * out)), expected(to.size());
  std::copy(input.begin(), input.end(), from.data());
  for (const Kernel& kernel : kernels) {
    const auto stored = kernel.Make(in, out, rows, Precision::kBFloat16Weights);
    ASSERT_TRUE(LinearRunner(stored).Run(stored->Pack(weights).value(), from.data(), rows, to.data(), nullptr));
    std::vector<float> rounded = weights;
    for (float& weight : rounded) {  // to nearest, ties to even
      uint32_t bits;
      std::memcpy(&bits, &weight, sizeof bits);
      bits = (bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u;
      std::memcpy(&weight, &bits, sizeof weight);
    }
    const auto plain = kernel.Make(in, out, rows, Precision::kFloat32);
    ASSERT_TRUE(LinearRunner(plain).Run(plain->Pack(rounded).value(), from.data(), rows, expected.data(), nullptr));
    for (size_t i = 0; i < to.size(); ++i) ASSERT_EQ(to.data()[i], expected.data()[i]) << stored->implementation();
  }
}

TEST(Linear, TilesWriteNothingBehindTheLastRow) {
  const std::vector<float> weights = RandomFloats(64 * 70, 1);
  for (const Precision precision : kAllPrecisions) {
    for (const Kernel& kernel : KernelsFor(precision)) {
      if (kernel.backend != Backend::kTiles) continue;
      const auto shape = kernel.Make(64, 70, 8, precision);
      const PackedWeight packed = shape->Pack(weights).value();
      AlignedBuffer<float> from(3 * 64), to(4 * 70);
      std::fill_n(to.data(), to.size(), 7.0f);
      ASSERT_TRUE(LinearRunner(shape).Run(packed, from.data(), 3, to.data(), nullptr));
      for (size_t i = 0; i < to.size(); ++i) ASSERT_EQ(to.data()[i], i < 3 * 70 ? 0.0f : 7.0f) << i;
    }
  }
}

TEST(Linear, ARowOfTilesDoesNotDependOnTheNumberOfRows) {
  for (const Kernel& kernel : KernelsFor(Precision::kFloat32)) {
    if (kernel.backend != Backend::kTiles) continue;
    const Ready product(96, 200, 600, kernel);
    const std::vector<float> input = RandomFloats(600 * 96, 2);
    const std::vector<float> all = product.Run(input, 600);
    for (const int64_t row : {0, 1, 5, 17, 337, 599}) {
      const auto first = static_cast<std::ptrdiff_t>(row);
      const std::vector<float> alone = product.Run({input.begin() + first * 96, input.begin() + (first + 1) * 96}, 1);
      EXPECT_EQ(alone, std::vector<float>(all.begin() + first * 200, all.begin() + (first + 1) * 200)) << row;
    }
  }
}

TEST(Linear, PartsOneByOneGiveWhatAllGiveToTheBit) {
  for (const Precision precision : kAllPrecisions) {
    for (const Kernel& kernel : KernelsFor(precision)) {
      const auto shape = kernel.Make(128, 1000, 100, precision);
      const PackedWeight packed = shape->Pack(RandomFloats(128 * 1000, 1)).value();
      AlignedBuffer<float> from(112 * 128), whole(112 * 1000), by_parts(112 * 1000);
      for (size_t i = 0; i < from.size(); ++i) from.data()[i] = static_cast<float>(i % 97) / 50;
      AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
      LinearRunner runner(shape);
      for (const int64_t rows : {1, 17, 100}) {
        ASSERT_TRUE(runner.Run(packed, from.data(), rows, whole.data(), scratch.data()));
        for (size_t part = shape->parts(); part-- > 0;) {
          ASSERT_TRUE(runner.RunParts(packed, from.data(), rows, by_parts.data(), scratch.data(), part, part + 1));
        }
        EXPECT_EQ(std::memcmp(whole.data(), by_parts.data(), static_cast<size_t>(rows) * 1000 * sizeof(float)), 0)
            << shape->implementation() << ", " << rows << " rows";
      }
    }
  }
}

TEST(Linear, BFloat16IsSummedUpInFloat32) {
  for (const Kernel& kernel : KernelsFor(Precision::kBFloat16)) {
    const int64_t in = 96, out = 72, rows = 19;
    const auto shape = kernel.Make(in, out, rows, Precision::kBFloat16);
    std::vector<float> weights = RandomFloats(static_cast<size_t>(in * out), 1);
    // What bfloat16 holds exactly: the only rounding is that of the sums.
    const auto shortened = [](float value) {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      bits &= 0xFFFF0000u;
      std::memcpy(&value, &bits, sizeof value);
      return value;
    };
    for (float& weight : weights) weight = shortened(weight);
    const std::vector<float> input = RandomFloats(static_cast<size_t>(rows * in), 2);
    const auto rounded = static_cast<size_t>(shape->RoundedRows(rows));
    AlignedBuffer<uint16_t> from(rounded * static_cast<size_t>(in));
    std::vector<float> exact;
    for (size_t i = 0; i < input.size(); ++i) {
      exact.push_back(shortened(input[i]));
      uint32_t bits;
      std::memcpy(&bits, &exact.back(), sizeof bits);
      from.data()[i] = static_cast<uint16_t>(bits >> 16);
    }
    AlignedBuffer<float> to(rounded * static_cast<size_t>(out));
    AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
    const PackedWeight packed = shape->Pack(weights).value();
    ASSERT_TRUE(LinearRunner(shape).Run(packed, from.data(), rows, to.data(), scratch.data()));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < out; ++c) {
        double expected = 0;
        for (int64_t k = 0; k < in; ++k) {
          expected += static_cast<double>(exact[static_cast<size_t>(r * in + k)]) *
                      static_cast<double>(weights[static_cast<size_t>(c * in + k)]);
        }
        ASSERT_NEAR(to.data()[r * out + c], expected, 1e-3) << shape->implementation();
      }
    }
  }
}

TEST(Linear, BytesAreMultipliedExactlyWithTheScalesOfTheirChannels) {
  for (const Kernel& kernel : KernelsFor(Precision::kInt8)) {
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{64, 192}, {96, 200}, {36, 7}, {33, 7}, {67, 1}, {1, 5}}) {
      const auto shape = kernel.Make(in, out, 70, Precision::kInt8);
      EXPECT_THAT(shape->implementation(), Not(HasSubstr("ref")));
      const std::vector<float> weights = RandomFloats(static_cast<size_t>(in * out), 1);
      const PackedWeight packed = shape->Pack(weights).value();
      for (const int64_t rows : {1, 2, 3, 5, 6, 21, 70}) {
        const std::vector<int32_t> sums = SumsOfBytes(shape, packed, rows);
        for (int64_t c = 0; c < out; ++c) {
          std::vector<int64_t> bytes;
          int64_t column_sum = 0;
          for (int64_t k = 0; k < in; ++k) {
            bytes.push_back(std::lrint(weights[static_cast<size_t>(c * in + k)] / packed.column_scale()[c]));
            column_sum += bytes.back();
          }
          // A weight that lies between two bytes may be rounded either way.
          EXPECT_NEAR(static_cast<double>(packed.column_sum()[c]), static_cast<double>(column_sum), 1);
          for (int64_t r = 0; r < rows; ++r) {
            int64_t expected = 0;
            for (int64_t k = 0; k < in; ++k)
              expected += bytes[static_cast<size_t>(k)] * ((r * in + k) % 251 * 31 % 256);
            ASSERT_NEAR(static_cast<double>(sums[static_cast<size_t>(r * out + c)]), static_cast<double>(expected), 255)
                << shape->implementation() << " " << in << "x" << out << ", row " << r << " of " << rows;
          }
        }
      }
    }
  }
}

uint64_t ChecksumOf(const std::vector<int32_t>& sums) {
  uint64_t checksum = 0;
  for (const int32_t sum : sums) checksum = checksum * 31 + static_cast<uint32_t>(sum);
  return checksum;
}

/// Weights of all sizes, that are the same on every machine.
std::vector<float> WeightsForChecksums(int64_t in, int64_t out) {
  std::vector<float> weights;
  for (int64_t i = 0; i < in * out; ++i) weights.push_back(static_cast<float>(i * 7919 % 509 - 254) / 256);
  return weights;
}

TEST(Linear, SumsOfBytesAreTheSameOnEveryInstructionSet) {
  struct Expected {
    int64_t in, out, rows;
    uint64_t checksum;
  };
  for (const Expected& expected : {Expected{96, 200, 21, 12377121096153129674u},
                                   {768, 33, 70, 16748285815329633004u},
                                   {67, 1, 5, 132245184956792u}}) {
    const std::vector<float> weights = WeightsForChecksums(expected.in, expected.out);
    for (const Kernel& kernel : KernelsFor(Precision::kInt8)) {
      const auto shape = kernel.Make(expected.in, expected.out, expected.rows, Precision::kInt8);
      const PackedWeight packed = shape->Pack(weights).value();
      EXPECT_EQ(ChecksumOf(SumsOfBytes(shape, packed, expected.rows)), expected.checksum)
          << shape->implementation() << ", " << expected.in << " to " << expected.out;
    }
  }
}

TEST(Linear, FloatsOfNoWholeWordsAreNotForTiles) {
  for (const Kernel& kernel : KernelsFor(Precision::kBFloat16)) {
    if (kernel.backend != Backend::kTiles) continue;
    EXPECT_FALSE(LinearShape::Make(33, 7, 16, Precision::kBFloat16, Backend::kTiles, kernel.isa).ok());
  }
}

TEST(Linear, EveryHostHasTilesForBytesAndFloats) {
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    EXPECT_NE(FastestTiles(precision), nullptr);
    EXPECT_NE(TilesFor(Isa::kPortable, precision), nullptr);
  }
}

TEST(Linear, SaysHowFastItsBackendWas) {
  EXPECT_GT(LinearShape::Make(256, 256, 64).value()->measured_gops(), 0);
  EXPECT_EQ(LinearShape::Make(64, 64, 16, Precision::kFloat32, Backend::kOneDnn).value()->measured_gops(), 0);
}

TEST(RegisterPeak, IsMeasuredOnceForEachPrecisionThatHasTiles) {
  for (const Precision precision : kAllPrecisions) {
    const double peak = RegisterPeakGops(precision);
    if (FastestTiles(precision) != nullptr && FastestTiles(precision)->isa != Isa::kPortable) {
      EXPECT_GT(peak, 0);
    }
    EXPECT_EQ(RegisterPeakGops(precision), peak);
  }
}

TEST(Linear, TheFastestPrecisionIsOneOfTheCandidates) {
  const Precision both[] = {Precision::kFloat32, Precision::kInt8};
  EXPECT_TRUE(LinearShape::Fastest(64, 64, both).ok());
  const Precision only[] = {Precision::kFloat32};
  EXPECT_EQ(LinearShape::Fastest(64, 64, only).value(), Precision::kFloat32);
}

TEST(Linear, RoundsRowsUpToWhatHasAPrimitive) {
  const Ready product(32, 32, 300, {Backend::kOneDnn, {}});
  EXPECT_EQ(product.shape->RoundedRows(1), 16);
  EXPECT_EQ(product.shape->RoundedRows(16), 16);
  EXPECT_EQ(product.shape->RoundedRows(17), 32);
  EXPECT_EQ(product.shape->RoundedRows(257), 288);
  EXPECT_GE(product.shape->RoundedRows(300), 300);
}

TEST(Linear, NeverUsesTheReferenceImplementation) {
  EXPECT_THAT(Ready(64, 64, 32).shape->implementation(), Not(HasSubstr("ref")));
}

TEST(Linear, MakesNoPrimitiveAfterItsShapeIsMade) {
  const Ready product(64, 64, 64, {Backend::kOneDnn, {}});
  const int64_t before = PrimitivesCreated();
  EXPECT_GT(before, 0);
  const std::vector<float> input = RandomFloats(64 * 64, 2);
  for (const int64_t rows : {1, 20, 64}) product.Run({input.begin(), input.begin() + rows * 64}, rows);
  EXPECT_EQ(PrimitivesCreated(), before);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve more than the limit
/// Makes a product of 2 GiB of weights with 1 GiB of memory, and says what came of it.
void MakeWithLittleMemory() {
  const rlimit little = {rlim_t{1} << 30, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &little);
  const auto shape = LinearShape::Make(1 << 16, 1 << 13, 16, Precision::kFloat32);
  const rlimit any = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &any);
  std::fprintf(stderr, "%s\n", shape.status().ToString().c_str());
  std::_Exit(0);
}

TEST(LinearDeathTest, LackOfMemoryIsSaidAsSuch) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(MakeWithLittleMemory(), testing::ExitedWithCode(0), "RESOURCE_EXHAUSTED: .*no memory");
}
#endif

TEST(Linear, WeightsOfAnotherSizeAreRefused) {
  const Ready product(8, 8, 16);
  const std::vector<float> few(63);
  EXPECT_TRUE(absl::IsInvalidArgument(product.shape->Pack(few).status()));
}

TEST(Linear, ThreadsShareShapeAndWeights) {
  const Ready product(64, 64, 32);
  const std::vector<float> input = RandomFloats(32 * 64, 2);
  const std::vector<float> expected = product.Run(input, 32);
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = product.Run(input, 32); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace roberta::kernels
