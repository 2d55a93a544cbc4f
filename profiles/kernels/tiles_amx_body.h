#pragma once

// Products by the tile registers of AMX, in terms of a `Unit` that has eight of them: the processor's, or a model of
// them for tests. A register holds up to 16 rows of 64 bytes. Internal to each translation unit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "profiles/kernels/tiles.h"

namespace roberta::kernels {
namespace {

constexpr size_t kTileRows = 16;   ///< of a register
constexpr size_t kTileBytes = 64;  ///< of a row of it
constexpr size_t kTileWords = kTileBytes / 4;

/// What LDTILECFG reads (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, section 18.2).
struct TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

/// Registers 0 to 3 hold the sums of 2 by 2 blocks, 4 and 5 rows, 6 and 7 weights. Those of the second block of rows
/// may be fewer.
inline TileConfig ConfigFor(size_t first_rows, size_t second_rows) {
  TileConfig config;
  for (size_t i = 0; i < 8; ++i) config.row_bytes[i] = kTileBytes;
  config.rows[0] = config.rows[1] = config.rows[4] = static_cast<uint8_t>(first_rows);
  // A register of no rows would be none; what the second block then computes is not stored.
  config.rows[2] = config.rows[3] = config.rows[5] = static_cast<uint8_t>(std::max<size_t>(second_rows, 1));
  config.rows[6] = config.rows[7] = kTileRows;
  return config;
}

/// Two panels' halves of 16 columns by up to 32 rows.
template <typename Unit, Precision kPrecision>
class AmxProduct {
 public:
  static constexpr TileLayout kLayout = {.row_values = kPrecision == Precision::kInt8 ? 4u : 2u,
                                         .weight_bytes = 4,
                                         .lanes = kTileWords,
                                         .vectors = 2,
                                         .whole_words = kTileWords};

  static void Multiply(const TileArguments& a) {
    constexpr size_t kPanel = kLayout.panel_columns();
    Unit unit;
    // All rows of a panel in turn: the panel stays in the second-level cache, where its 16 rows of words are read
    // one by one.
    const size_t last_column = std::min(a.end_panel * kPanel, a.columns);
    for (size_t column = a.first_panel * kPanel; column < last_column; column += kPanel) {
      for (size_t row = 0; row < a.row_count; row += 2 * kTileRows) {
        Block(a, row, std::min(2 * kTileRows, a.row_count - row), column, &unit);
      }
    }
    unit.Release();
  }

 private:
  static void Block(const TileArguments& a, size_t row, size_t rows, size_t column, Unit* unit) {
    const size_t width = kLayout.panel_width(a.columns, column);
    const size_t first_rows = std::min(rows, kTileRows), second_rows = rows - first_rows;
    unit->Configure(first_rows, second_rows);
    const bool has_rows = second_rows > 0, has_columns = width > kTileWords;
    const auto* in = static_cast<const unsigned char*>(a.in) + row * a.row_bytes;
    const auto* more = in + (has_rows ? kTileRows * a.row_bytes : 0);
    const auto* weight = static_cast<const unsigned char*>(a.weight) + column * a.words * kLayout.weight_bytes;
    const size_t weight_stride = width * kLayout.weight_bytes;
    unit->template Zero<0>();
    unit->template Zero<1>();
    unit->template Zero<2>();
    unit->template Zero<3>();
    for (size_t word = 0; word < a.words; word += kTileWords, in += kTileBytes, more += kTileBytes) {
      const unsigned char* const from = weight + word * weight_stride;
      unit->template Load<6>(from, weight_stride);
      unit->template Load<4>(in, a.row_bytes);
      unit->template Add<0, 4, 6, kPrecision>();
      if (has_rows) {
        unit->template Load<5>(more, a.row_bytes);
        unit->template Add<2, 5, 6, kPrecision>();
      }
      if (!has_columns) continue;
      unit->template Load<7>(from + kTileBytes, weight_stride);
      unit->template Add<1, 4, 7, kPrecision>();
      if (has_rows) unit->template Add<3, 5, 7, kPrecision>();
    }
    Keep<0>(a, row, first_rows, column, unit);
    if (has_columns) Keep<1>(a, row, first_rows, column + kTileWords, unit);
    if (!has_rows) return;
    Keep<2>(a, row + kTileRows, second_rows, column, unit);
    if (has_columns) Keep<3>(a, row + kTileRows, second_rows, column + kTileWords, unit);
  }

  template <int kTile>
  static void Keep(const TileArguments& a, size_t row, size_t rows, size_t column, Unit* unit) {
    auto* const out = static_cast<unsigned char*>(a.out) + (row * a.columns + column) * 4;
    const size_t columns = std::min(kTileWords, a.columns - column);
    if (columns == kTileWords) {
      unit->template Store<kTile>(out, a.columns * 4);
      return;
    }
    alignas(64) unsigned char whole[kTileRows * kTileBytes];
    unit->template Store<kTile>(whole, kTileBytes);
    for (size_t r = 0; r < rows; ++r) std::memcpy(out + r * a.columns * 4, whole + r * kTileBytes, columns * 4);
  }
};

template <typename Unit, Precision kPrecision>
constexpr Tiles AmxTilesOf() {
  using Product = AmxProduct<Unit, kPrecision>;
  return {Isa::kAmx, kPrecision, Product::kLayout, Product::Multiply};
}

}  // namespace
}  // namespace roberta::kernels
