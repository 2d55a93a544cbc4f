#include "profiles/kernels/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "tests/profiles/kernels/random_floats.h"

namespace roberta::kernels {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A product with its weights, ready to run.
struct Ready {
  Ready(int64_t in_columns, int64_t out_columns, int64_t max_rows)
      : in(in_columns), out(out_columns), shape(LinearShape::Make(in, out, max_rows).value()) {
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
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{64, 192}, {96, 200}, {200, 96}, {33, 7}, {128, 1}}) {
    const Ready product(in, out, 100);
    for (const int64_t rows : {1, 15, 16, 17, 100}) {
      const std::vector<float> input = RandomFloats(static_cast<size_t>(rows * in), 2);
      const std::vector<float> output = product.Run(input, rows);
      for (int64_t r = 0; r < rows; r += 7) {
        for (int64_t c = 0; c < out; c += 5) {
          ASSERT_NEAR(output[static_cast<size_t>(r * out + c)], product.Expected(input, r, c), 1e-3)
              << in << "x" << out;
        }
      }
    }
  }
}

TEST(Linear, BytesAreMultipliedExactlyWithTheScalesOfTheirChannels) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{64, 192}, {96, 200}, {33, 7}}) {
    const auto shape = LinearShape::Make(in, out, 40, Precision::kInt8).value();
    EXPECT_THAT(shape->implementation(), Not(HasSubstr("ref")));
    std::vector<float> weights = RandomFloats(static_cast<size_t>(in * out), 1);
    const PackedWeight packed = shape->Pack(weights).value();
    const auto rounded = static_cast<size_t>(shape->RoundedRows(21));
    AlignedBuffer<int8_t> from(rounded * static_cast<size_t>(in));
    for (size_t i = 0; i < from.size(); ++i) from.data()[i] = static_cast<int8_t>(i * 31 % 255 - 127);
    AlignedBuffer<int32_t> to(rounded * static_cast<size_t>(out));
    AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
    LinearRunner runner(shape);
    ASSERT_TRUE(runner.Run(packed, from.data(), 21, to.data(), scratch.data()));
    for (int64_t r = 0; r < 21; ++r) {
      for (int64_t c = 0; c < out; ++c) {
        const float scale = packed.column_scale()[c];
        int64_t expected = 0;
        for (int64_t k = 0; k < in; ++k) {
          expected += std::lround(weights[static_cast<size_t>(c * in + k)] / scale) * from.data()[r * in + k];
        }
        // A weight that lies between two bytes may be rounded either way.
        ASSERT_NEAR(static_cast<double>(to.data()[r * out + c]), static_cast<double>(expected), 128)
            << in << "x" << out;
      }
    }
  }
}

TEST(Linear, ShiftedBytesGiveTheSameSumsPlusTheColumnsOffset) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{64, 192}, {96, 200}, {33, 7}}) {
    const std::vector<float> weights = RandomFloats(static_cast<size_t>(in * out), 1);
    std::vector<int32_t> sums[2];
    std::vector<int32_t> offset(static_cast<size_t>(out));
    for (const Precision precision : {Precision::kInt8, Precision::kInt8Shifted}) {
      const bool is_shifted = precision == Precision::kInt8Shifted;
      const auto shape = LinearShape::Make(in, out, 40, precision).value();
      const PackedWeight packed = shape->Pack(weights).value();
      const auto rounded = static_cast<size_t>(shape->RoundedRows(21));
      AlignedBuffer<uint8_t> from(rounded * static_cast<size_t>(in));
      for (size_t i = 0; i < from.size(); ++i) {
        from.data()[i] = static_cast<uint8_t>(static_cast<int>(i * 31 % 255) - 127 + (is_shifted ? 128 : 0));
      }
      AlignedBuffer<int32_t> to(rounded * static_cast<size_t>(out));
      AlignedBuffer<unsigned char> scratch(shape->scratch_bytes());
      LinearRunner runner(shape);
      ASSERT_TRUE(runner.Run(packed, from.data(), 21, to.data(), scratch.data()));
      sums[is_shifted].assign(to.data(), to.data() + 21 * out);
      EXPECT_EQ(packed.column_offset() != nullptr, is_shifted);
      if (is_shifted) std::copy_n(packed.column_offset(), out, offset.begin());
    }
    for (size_t i = 0; i < sums[0].size(); ++i) {
      ASSERT_EQ(sums[0][i] + offset[i % static_cast<size_t>(out)], sums[1][i]) << in << "x" << out;
    }
  }
}

TEST(Linear, TheFastestPrecisionIsOneOfTheCandidates) {
  const Precision bytes[] = {Precision::kInt8, Precision::kInt8Shifted};
  EXPECT_TRUE(IsInt8(LinearShape::Fastest(64, 64, 32, bytes).value()));
  const Precision only[] = {Precision::kFloat32};
  EXPECT_EQ(LinearShape::Fastest(64, 64, 32, only).value(), Precision::kFloat32);
}

TEST(Linear, RoundsRowsUpToWhatHasAPrimitive) {
  const Ready product(32, 32, 300);
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
  const Ready product(64, 64, 64);
  const int64_t before = PrimitivesCreated();
  EXPECT_GT(before, 0);
  const std::vector<float> input = RandomFloats(64 * 64, 2);
  for (const int64_t rows : {1, 20, 64}) product.Run({input.begin(), input.begin() + rows * 64}, rows);
  EXPECT_EQ(PrimitivesCreated(), before);
}

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
