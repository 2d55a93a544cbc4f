#pragma once

// Tiles of up to 6 rows and 64 columns held in registers, in terms of a `Dot` that says how one vector of words is
// multiplied and added up. Compiled once for each instruction set that has one; internal to each translation unit.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "profiles/kernels/tiles.h"
#include "profiles/kernels/unrolled.h"

namespace roberta::kernels {
namespace {

using Word = uint32_t __attribute__((may_alias));

/// 6 rows by 4 vectors of sums, 4 of weights and one of a row's word are 29 of 32 registers; each word loaded of the
/// weights serves 6 rows, each of the rows 4 vectors, so that the loads keep out of the way.
constexpr size_t kTileRows = 6;

/// Bytes of rows that are multiplied by all panels before the next rows are: they stay in the second-level cache.
constexpr size_t kBlockBytes = 256 * 1024;

struct TileCall {
  const Word* in;  ///< the first of its rows
  size_t words;    ///< of a row
  const Word* panel;
  Word* out;  ///< the tile's first place
  size_t columns;
  __mmask16 last;  ///< of the last vector, the columns that are there
};

/// `kRows` rows by `kVectors` vectors of columns.
template <typename Dot, size_t kRows, size_t kVectors>
void Tile(const TileCall& call) {
  const Word* const in = call.in;
  const Word* panel = call.panel;
  const size_t words = call.words;
  typename Dot::Sums sums[kRows * kVectors];
  Unrolled<kRows * kVectors>([&](auto i) __attribute__((always_inline)) { sums[i] = Dot::Zeros(); });
  for (size_t k = 0; k < words; ++k, panel += kVectors * kTileVector) {
    __m512i weights[kVectors];
    Unrolled<kVectors>([&](auto v)
                           __attribute__((always_inline)) { weights[v] = _mm512_load_si512(panel + v * kTileVector); });
    Unrolled<kRows>([&](auto r) __attribute__((always_inline)) {
      const __m512i word = _mm512_set1_epi32(static_cast<int>(in[r * words + k]));
      Unrolled<kVectors>([&](auto v) __attribute__((always_inline)) {
        sums[r * kVectors + v] = Dot::Add(sums[r * kVectors + v], word, weights[v]);
      });
    });
  }
  Unrolled<kRows * kVectors>([&](auto i) __attribute__((always_inline)) {
    constexpr size_t kRow = i / kVectors, kVector = i % kVectors;
    const __mmask16 stored = kVector + 1 == kVectors ? call.last : static_cast<__mmask16>(0xFFFF);
    _mm512_mask_storeu_epi32(call.out + kRow * call.columns + kVector * kTileVector, stored, Dot::Bits(sums[i]));
  });
}

using TileFunction = void (*)(const TileCall&);

template <typename Dot, size_t kVectors, size_t... kRows>
constexpr std::array<TileFunction, sizeof...(kRows)> TilesOfHeights(std::index_sequence<kRows...>) {
  return {&Tile<Dot, kRows + 1, kVectors>...};
}

/// By vectors - 1 and rows - 1.
template <typename Dot>
constexpr std::array<std::array<TileFunction, kTileRows>, kPanelVectors> kTiles = {
    TilesOfHeights<Dot, 1>(std::make_index_sequence<kTileRows>()),
    TilesOfHeights<Dot, 2>(std::make_index_sequence<kTileRows>()),
    TilesOfHeights<Dot, 3>(std::make_index_sequence<kTileRows>()),
    TilesOfHeights<Dot, 4>(std::make_index_sequence<kTileRows>())};

constexpr size_t kLineBytes = 64;

/// Asks for one of `shares` equal parts of some memory: where the weights do not stay in any cache, the next panel is
/// then on its way while this one is multiplied.
inline void Prefetch(const Word* from, size_t words, size_t share, size_t shares) {
  const char* const bytes = reinterpret_cast<const char*>(from);
  const size_t lines = words * sizeof(Word) / kLineBytes;
  for (size_t line = lines * share / shares; line < lines * (share + 1) / shares; ++line) {
    _mm_prefetch(bytes + line * kLineBytes, _MM_HINT_T1);
  }
}

/// Some rows by the panels asked for. The rows are shared out evenly: a last tile of one row would cost as much as one
/// of four.
template <typename Dot>
void MultiplyBlock(const TileArguments& a, size_t begin, size_t end) {
  const auto* in = static_cast<const Word*>(a.in);
  const auto* weight = static_cast<const Word*>(a.weight);
  auto* out = static_cast<Word*>(a.out);
  constexpr size_t kPanel = kPanelVectors * kTileVector;
  const size_t rows = end - begin, tiles = (rows + kTileRows - 1) / kTileRows;
  const size_t last_column = std::min(a.end_panel * kPanel, a.columns);
  for (size_t column = a.first_panel * kPanel; column < last_column; column += kPanel) {
    const size_t width = std::min(kPanel, a.columns - column);
    const size_t vectors = (width + kTileVector - 1) / kTileVector;
    const auto last = static_cast<__mmask16>(0xFFFFu >> (vectors * kTileVector - width));
    const size_t next = column + kPanel;
    const size_t next_words = next < last_column ? TileWords(std::min(kPanel, a.columns - next), a.words) : 0;
    for (size_t t = 0; t < tiles; ++t) {
      if (next_words > 0) Prefetch(weight + next * a.words, next_words, t, tiles);
      const size_t row = begin + rows * t / tiles, height = begin + rows * (t + 1) / tiles - row;
      kTiles<Dot>[vectors - 1][height - 1]({.in = in + row * a.words,
                                            .words = a.words,
                                            .panel = weight + column * a.words,
                                            .out = out + row * a.columns + column,
                                            .columns = a.columns,
                                            .last = last});
    }
  }
}

template <typename Dot>
void Multiply(const TileArguments& a) {
  const size_t fitting = kBlockBytes / (sizeof(Word) * std::max<size_t>(a.words, 1));
  const size_t block = std::max(fitting / kTileRows, size_t{8}) * kTileRows;
  for (size_t begin = 0; begin < a.row_count; begin += block) {
    MultiplyBlock<Dot>(a, begin, std::min(begin + block, a.row_count));
  }
}

template <typename Dot>
constexpr Tiles kTilesOf = {Dot::kName, Multiply<Dot>};

}  // namespace
}  // namespace roberta::kernels
