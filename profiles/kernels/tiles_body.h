#pragma once

// Tiles of up to kTileRows rows and some vectors of columns held in registers, in terms of a `Dot` that says what a
// vector is and how one word of a row is multiplied with it and added up. Compiled once for each instruction set;
// internal to each translation unit. A Dot has
//   kPrecision, kLayout            as Tiles has them, and kRows, the rows of a tile
//   Sums, Weights                  vectors of lanes
//   Zeros()                        sums of nothing
//   Load(const unsigned char*)     a vector of weights' words
//   Row(const unsigned char*)      a word of a row, in every lane
//   Add(Sums, row, weights)        sums and what row times weights gives
//   Store(void*, Sums)             to memory of any alignment
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "profiles/kernels/tiles.h"
#include "profiles/kernels/unrolled.h"

namespace roberta::kernels {
namespace {

constexpr size_t kWordBytes = 4;

/// Bytes of rows that are multiplied by all panels before the next rows are: they stay in the second-level cache.
constexpr size_t kBlockBytes = 256 * 1024;

struct TileCall {
  const unsigned char* in;  ///< the first of its rows
  size_t row_bytes;
  size_t words;  ///< of a row
  const unsigned char* panel;
  unsigned char* out;  ///< the tile's first place
  size_t columns;
  size_t last;  ///< columns of the last vector that are there
};

inline int WordAt(const unsigned char* from) {
  int word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// `kRows` rows by `kVectors` vectors of columns.
template <typename Dot, size_t kRows, size_t kVectors>
void Tile(const TileCall& call) {
  constexpr size_t kVectorBytes = Dot::kLayout.lanes * Dot::kLayout.weight_bytes;
  const unsigned char* in = call.in;
  const unsigned char* panel = call.panel;
  const size_t row_bytes = call.row_bytes;
  typename Dot::Sums sums[kRows * kVectors];
  Unrolled<kRows * kVectors>([&](auto i) __attribute__((always_inline)) { sums[i] = Dot::Zeros(); });
  for (size_t k = call.words; k > 0; --k, panel += kVectors * kVectorBytes, in += kWordBytes) {
    typename Dot::Weights weights[kVectors];
    Unrolled<kVectors>([&](auto v)
                           __attribute__((always_inline)) { weights[v] = Dot::Load(panel + v * kVectorBytes); });
    Unrolled<kRows>([&](auto r) __attribute__((always_inline)) {
      const auto word = Dot::Row(in + r * row_bytes);
      Unrolled<kVectors>([&](auto v) __attribute__((always_inline)) {
        sums[r * kVectors + v] = Dot::Add(sums[r * kVectors + v], word, weights[v]);
      });
    });
  }
  constexpr size_t kLanes = Dot::kLayout.lanes;
  Unrolled<kRows * kVectors>([&](auto i) __attribute__((always_inline)) {
    constexpr size_t kRow = i / kVectors, kVector = i % kVectors;
    unsigned char* const to = call.out + (kRow * call.columns + kVector * kLanes) * kWordBytes;
    if (kVector + 1 < kVectors || call.last == kLanes) {
      Dot::Store(to, sums[i]);
    } else {
      unsigned char whole[kLanes * kWordBytes];
      Dot::Store(whole, sums[i]);
      std::memcpy(to, whole, call.last * kWordBytes);
    }
  });
}

using TileFunction = void (*)(const TileCall&);

template <typename Dot, size_t kVectors, size_t... kRows>
constexpr std::array<TileFunction, sizeof...(kRows)> TilesOfHeights(std::index_sequence<kRows...>) {
  return {&Tile<Dot, kRows + 1, kVectors>...};
}

template <typename Dot, size_t... kVectors>
constexpr std::array<std::array<TileFunction, Dot::kRows>, sizeof...(kVectors)> TilesOfWidths(
    std::index_sequence<kVectors...>) {
  return {TilesOfHeights<Dot, kVectors + 1>(std::make_index_sequence<Dot::kRows>())...};
}

/// By vectors - 1 and rows - 1.
template <typename Dot>
constexpr auto kTiles = TilesOfWidths<Dot>(std::make_index_sequence<Dot::kLayout.vectors>());

constexpr size_t kLineBytes = 64;

/// Asks for one of `shares` equal parts of some memory: where the weights do not stay in any cache, the next panel is
/// then on its way while this one is multiplied.
inline void Prefetch(const unsigned char* from, size_t bytes, size_t share, size_t shares) {
  const size_t lines = bytes / kLineBytes;
  for (size_t line = lines * share / shares; line < lines * (share + 1) / shares; ++line) {
    __builtin_prefetch(from + line * kLineBytes, 0, 2);  // into the second-level cache
  }
}

/// Some rows by the panels asked for. The rows are shared out evenly: a last tile of one row would cost as much as one
/// of four.
template <typename Dot>
void MultiplyBlock(const TileArguments& a, size_t begin, size_t end) {
  constexpr TileLayout kLayout = Dot::kLayout;
  constexpr size_t kPanel = kLayout.panel_columns();
  const auto* in = static_cast<const unsigned char*>(a.in);
  const auto* weight = static_cast<const unsigned char*>(a.weight);
  auto* out = static_cast<unsigned char*>(a.out);
  const size_t column_bytes = a.words * kLayout.weight_bytes;
  const size_t rows = end - begin, tiles = (rows + Dot::kRows - 1) / Dot::kRows;
  const size_t last_column = std::min(a.end_panel * kPanel, a.columns);
  for (size_t column = a.first_panel * kPanel; column < last_column; column += kPanel) {
    const size_t vectors = kLayout.panel_width(a.columns, column) / kLayout.lanes;
    const size_t last = std::min(kPanel, a.columns - column) - (vectors - 1) * kLayout.lanes;
    const size_t next = column + kPanel;
    const size_t next_bytes = next < last_column ? kLayout.panel_width(a.columns, next) * column_bytes : 0;
    for (size_t t = 0; t < tiles; ++t) {
      if (next_bytes > 0) Prefetch(weight + next * column_bytes, next_bytes, t, tiles);
      const size_t row = begin + rows * t / tiles, height = begin + rows * (t + 1) / tiles - row;
      kTiles<Dot>[vectors - 1][height - 1]({.in = in + row * a.row_bytes,
                                            .row_bytes = a.row_bytes,
                                            .words = a.words,
                                            .panel = weight + column * column_bytes,
                                            .out = out + (row * a.columns + column) * kWordBytes,
                                            .columns = a.columns,
                                            .last = last});
    }
  }
}

template <typename Dot>
void Multiply(const TileArguments& a) {
  const size_t fitting = kBlockBytes / std::max<size_t>(a.row_bytes, 1);
  const size_t block = std::max(fitting / Dot::kRows, size_t{8}) * Dot::kRows;
  for (size_t begin = 0; begin < a.row_count; begin += block) {
    MultiplyBlock<Dot>(a, begin, std::min(begin + block, a.row_count));
  }
}

template <typename Dot>
constexpr Tiles TilesOf(Isa isa) {
  return {isa, Dot::kPrecision, Dot::kLayout, Multiply<Dot>};
}

}  // namespace
}  // namespace roberta::kernels
