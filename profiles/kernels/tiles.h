#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "profiles/kernels/isa.h"

namespace roberta::kernels {

/// How a product's operands lie in memory. A row is read in words of 32 bits, each of one float, two bfloat16, four
/// bytes, or two bytes that take 16 bits each; a weight's word is what multiplies it in one column.
struct TileLayout {
  size_t row_values;    ///< of a word
  size_t weight_bytes;  ///< of a word of weights
  size_t lanes;         ///< columns of a vector; a packed weight has whole vectors
  size_t vectors;       ///< of a panel, whose columns are multiplied together
  size_t whole_words;   ///< a packed weight has a multiple of these, the last ones zeros

  constexpr size_t panel_columns() const { return lanes * vectors; }
  constexpr size_t row_value_bytes() const { return 4 / row_values; }
  constexpr size_t words(size_t in) const {
    return ((in + row_values - 1) / row_values + whole_words - 1) / whole_words * whole_words;
  }
  constexpr size_t panels(size_t columns) const { return (columns + panel_columns() - 1) / panel_columns(); }
  constexpr size_t padded_columns(size_t columns) const { return (columns + lanes - 1) / lanes * lanes; }
  /// Columns of the panel that starts at `first`, pads included.
  constexpr size_t panel_width(size_t columns, size_t first) const {
    const size_t left = padded_columns(columns) - first;
    return left < panel_columns() ? left : panel_columns();
  }
  /// Bytes of a packed weight.
  constexpr size_t bytes(size_t columns, size_t words) const { return padded_columns(columns) * words * weight_bytes; }
  /// The byte of a packed weight at which a word of a column is: panel by panel, in a panel word by word, there column
  /// by column.
  constexpr size_t offset(size_t columns, size_t words, size_t column, size_t word) const {
    const size_t first = column / panel_columns() * panel_columns();
    return (first * words + word * panel_width(columns, first) + (column - first)) * weight_bytes;
  }
};

/// A product out[rows, columns] = in[rows, inputs] W^T.
struct TileArguments {
  /// [row_count, row_bytes], and behind the last row 64 bytes that may be read: they are multiplied by 0 where a row is
  /// no whole number of words.
  const void* in = nullptr;
  size_t row_count = 0;
  size_t row_bytes = 0;
  size_t words = 0;              ///< of a row, as TileLayout::words
  const void* weight = nullptr;  ///< packed, aligned to 64 bytes
  size_t columns = 0;
  size_t first_panel = 0, end_panel = 0;  ///< what is to be computed
  void* out = nullptr;                    ///< [row_count, columns] float, or int32_t for bytes
};

/// The product of one precision for one instruction set. Sums of a row are made in the same order whatever the number
/// of rows and whatever other panels are computed: a value does not depend on its neighbors, to the bit. Those of
/// float32 are made in the same order by every set that has fused multiply-add, and those of bytes are exact. Any
/// thread may call; allocates nothing.
struct Tiles {
  Isa isa = Isa::kPortable;
  Precision precision = Precision::kFloat32;
  TileLayout layout;
  void (*multiply)(const TileArguments& arguments) = nullptr;
};

/// What a tiles_<isa>.cc has: an entry for each precision that its instructions multiply well.
std::span<const Tiles> PortableTiles();
std::span<const Tiles> Avx2Tiles();
std::span<const Tiles> AvxVnniTiles();
std::span<const Tiles> Avx512Tiles();
std::span<const Tiles> Avx512VnniTiles();
std::span<const Tiles> Avx512Bf16Tiles();
std::span<const Tiles> AmxTiles();

/// nullptr where this host, or this build, has none of `isa` for `precision`.
const Tiles* TilesFor(Isa isa, Precision precision);

/// The fastest on this host, by a measurement of a few milliseconds, made once; nullptr where it has none.
const Tiles* FastestTiles(Precision precision);

}  // namespace roberta::kernels
