#pragma once

#include <cstddef>

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// A product out[rows, columns] = in[rows, inputs] W^T over 32-bit words: a word holds one float, two bfloat16 or four
/// bytes of a row, neighbors in it.
struct TileArguments {
  const void* in = nullptr;  ///< [row_count, words]
  size_t row_count = 0;
  size_t words = 0;              ///< of a row
  const void* weight = nullptr;  ///< as TileWord places it, aligned to 64 bytes
  size_t columns = 0;
  size_t first_panel = 0, end_panel = 0;  ///< what is to be computed, in panels of up to 64 columns
  void* out = nullptr;                    ///< [row_count, columns] float, or int32_t for bytes
};

/// The product of one precision for one instruction set. Sums of a row are made in the same order whatever the number
/// of rows and whatever other panels are computed: a value does not depend on its neighbors, to the bit. Any thread
/// may call; allocates nothing.
struct Tiles {
  const char* name = nullptr;  ///< "tiles avx512_vnni"
  void (*multiply)(const TileArguments& arguments) = nullptr;
};

/// One of these is compiled from tiles_body.h in each tiles_<isa>.cc.
const Tiles& Avx512Tiles();
const Tiles& Avx512VnniTiles();
const Tiles& Avx512Bf16Tiles();

/// nullptr where this host, or this build, has none for `precision`.
const Tiles* TilesFor(Precision precision);

inline constexpr size_t kTileVector = 16;   ///< words of a vector
inline constexpr size_t kPanelVectors = 4;  ///< vectors of a panel: 64 columns that are multiplied together

constexpr size_t TilePanels(size_t columns) {
  constexpr size_t kPanel = kPanelVectors * kTileVector;
  return (columns + kPanel - 1) / kPanel;
}

/// Words of a packed weight: whole vectors of columns.
constexpr size_t TileWords(size_t columns, size_t words) {
  return (columns + kTileVector - 1) / kTileVector * kTileVector * words;
}

/// Where in a packed weight the word `word` of a column is: panel by panel of up to 64 columns, in a panel word by
/// word, there column by column.
constexpr size_t TileWord(size_t columns, size_t words, size_t column, size_t word) {
  constexpr size_t kPanel = kPanelVectors * kTileVector;
  const size_t first = column / kPanel * kPanel;
  const size_t left = TileWords(columns, 1) - first;
  return first * words + word * (left < kPanel ? left : kPanel) + (column - first);
}

}  // namespace roberta::kernels
