// The loops around AMX's tile registers, run with a model of these on any host. Where the host has AMX, linear_test
// runs the registers themselves.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/tiles_amx_body.h"
#include "tests/profiles/kernels/random_floats.h"

namespace roberta::kernels {
namespace {

float FloatOf(uint16_t bfloat16) {
  const uint32_t bits = uint32_t{bfloat16} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Eight registers as the manual describes them (Intel 64 and IA-32 Architectures Software Developer's Manual, volume
/// 2, TDPBUSD, TDPBF16PS): what is outside of their configuration is not touched.
class ModelOfRegisters {
 public:
  void Configure(size_t first_rows, size_t second_rows) { config_ = ConfigFor(first_rows, second_rows); }
  void Release() {}

  template <int kTile>
  void Zero() {
    tiles_[kTile] = {};
  }
  template <int kTile>
  void Load(const unsigned char* from, size_t stride) {
    tiles_[kTile] = {};
    for (size_t r = 0; r < config_.rows[kTile]; ++r) {
      std::memcpy(tiles_[kTile][r].data(), from + r * stride, config_.row_bytes[kTile]);
    }
  }
  template <int kTile>
  void Store(unsigned char* to, size_t stride) {
    for (size_t r = 0; r < config_.rows[kTile]; ++r) {
      std::memcpy(to + r * stride, tiles_[kTile][r].data(), config_.row_bytes[kTile]);
    }
  }
  template <int kSums, int kRows, int kWeights, Precision kPrecision>
  void Add() {
    EXPECT_EQ(config_.rows[kSums], config_.rows[kRows]);
    EXPECT_EQ(config_.row_bytes[kSums], config_.row_bytes[kWeights]);
    EXPECT_EQ(config_.row_bytes[kRows] / 4, config_.rows[kWeights]);
    for (size_t m = 0; m < config_.rows[kRows]; ++m) {
      for (size_t k = 0; k < config_.rows[kWeights]; ++k) {
        for (size_t n = 0; n < kTileWords; ++n) {
          const unsigned char* row = tiles_[kRows][m].data() + 4 * k;
          const unsigned char* weight = tiles_[kWeights][k].data() + 4 * n;
          AddWord<kPrecision>(row, weight, tiles_[kSums][m].data() + 4 * n);
        }
      }
    }
  }

 private:
  template <Precision kPrecision>
  static void AddWord(const unsigned char* row, const unsigned char* weight, unsigned char* sum) {
    if constexpr (kPrecision == Precision::kInt8) {
      int32_t value;
      std::memcpy(&value, sum, sizeof value);
      for (size_t i = 0; i < 4; ++i) value += int32_t{row[i]} * static_cast<int8_t>(weight[i]);
      std::memcpy(sum, &value, sizeof value);
    } else {
      float value;
      std::memcpy(&value, sum, sizeof value);
      for (size_t i = 0; i < 2; ++i) {
        uint16_t a, b;
        std::memcpy(&a, row + 2 * i, sizeof a);
        std::memcpy(&b, weight + 2 * i, sizeof b);
        value += FloatOf(a) * FloatOf(b);
      }
      std::memcpy(sum, &value, sizeof value);
    }
  }

  TileConfig config_;
  std::array<std::array<std::array<unsigned char, kTileBytes>, kTileRows>, 8> tiles_ = {};
};

/// Some of the columns of a product of bytes, from `first_panel` on; what is not computed is -1.
std::vector<int32_t> Multiply(size_t in, size_t out, size_t rows, size_t first_panel) {
  constexpr Tiles kTiles = AmxTilesOf<ModelOfRegisters, Precision::kInt8>();
  const TileLayout& layout = kTiles.layout;
  const size_t words = layout.words(in);
  AlignedBuffer<unsigned char> from(rows * in), weight(layout.bytes(out, words));
  std::memset(from.data(), 0xAB, rows * in + 63);  // as far as registers may read
  AlignedBuffer<int32_t> to(rows * out);
  std::fill_n(to.data(), to.size(), -1);
  for (size_t i = 0; i < rows * in; ++i) from.data()[i] = static_cast<unsigned char>(i * 31);
  for (size_t n = 0; n < out; ++n) {
    for (size_t k = 0; k < in; ++k) {
      weight.data()[layout.offset(out, words, n, k / 4) + k % 4] = static_cast<unsigned char>(n * 7 + k * 13);
    }
  }
  kTiles.multiply({.in = from.data(),
                   .row_count = rows,
                   .row_bytes = in,
                   .words = words,
                   .weight = weight.data(),
                   .columns = out,
                   .first_panel = first_panel,
                   .end_panel = layout.panels(out),
                   .out = to.data()});
  return {to.data(), to.data() + to.size()};
}

TEST(Amx, MultipliesBytesExactlyOverOddShapes) {
  for (const auto& [in, out] : {std::pair<size_t, size_t>{64, 32}, {96, 50}, {67, 17}, {1, 1}, {256, 100}}) {
    for (const size_t rows : {1, 15, 16, 17, 31, 32, 33, 70}) {
      for (const size_t first_panel : {0, 1}) {
        const std::vector<int32_t> sums = Multiply(in, out, rows, first_panel);
        for (size_t i = 0; i < sums.size(); ++i) {
          const size_t r = i / out, n = i % out;
          int32_t expected = 0;
          for (size_t k = 0; k < in; ++k) {
            expected += int32_t{static_cast<uint8_t>((r * in + k) * 31)} * static_cast<int8_t>(n * 7 + k * 13);
          }
          if (n < first_panel * 32) expected = -1;
          ASSERT_EQ(sums[i], expected) << in << " to " << out << ", row " << r << " of " << rows << ", column " << n;
        }
      }
    }
  }
}

TEST(Amx, MultipliesBFloat16) {
  constexpr Tiles kTiles = AmxTilesOf<ModelOfRegisters, Precision::kBFloat16>();
  const TileLayout& layout = kTiles.layout;
  const size_t in = 96, out = 40, rows = 21, words = layout.words(in);
  AlignedBuffer<uint16_t> from(rows * in), weight(layout.bytes(out, words) / 2);
  AlignedBuffer<float> to(rows * out);
  const auto value = [](size_t i) { return static_cast<uint16_t>(0x3F80 + i % 128); };  // 1 to 2
  for (size_t i = 0; i < rows * in; ++i) from.data()[i] = value(i);
  for (size_t n = 0; n < out; ++n) {
    for (size_t k = 0; k < in; ++k)
      weight.data()[layout.offset(out, words, n, k / 2) / 2 + k % 2] = value(n * 3 + k * 5);
  }
  kTiles.multiply({.in = from.data(),
                   .row_count = rows,
                   .row_bytes = 2 * in,
                   .words = words,
                   .weight = weight.data(),
                   .columns = out,
                   .first_panel = 0,
                   .end_panel = layout.panels(out),
                   .out = to.data()});
  for (size_t r = 0; r < rows; ++r) {
    for (size_t n = 0; n < out; ++n) {
      double expected = 0;
      for (size_t k = 0; k < in; ++k)
        expected += static_cast<double>(FloatOf(value(r * in + k)) * FloatOf(value(n * 3 + k * 5)));
      ASSERT_NEAR(to.data()[r * out + n], expected, 1e-3 * expected) << r << ", " << n;
    }
  }
}

}  // namespace
}  // namespace roberta::kernels
