#include <cstring>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/product.h"
#include "profiles/kernels/tiles.h"

namespace roberta::kernels {
namespace {

size_t ValuesOfWord(Precision precision) {
  if (precision == Precision::kFloat32) return 1;
  return precision == Precision::kBFloat16 ? 2 : 4;
}

/// Rounded to nearest, ties to even; NaN stays one.
uint32_t BFloat16Of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return bits >> 16 | 0x40u;
  return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

struct TileData final : PackedData {
  explicit TileData(size_t size) : words(size) {}
  int64_t bytes() const override { return static_cast<int64_t>(words.bytes()); }
  AlignedBuffer<uint32_t> words;
};

class TileRunner final : public ProductRunner {
 public:
  TileRunner(const Tiles& tiles, size_t words, size_t columns) : tiles_(tiles), words_(words), columns_(columns) {}

  bool Run(const ProductCall& call, size_t first_part, size_t end_part) override {
    tiles_.multiply({.in = call.in,
                     .row_count = static_cast<size_t>(call.rows),
                     .words = words_,
                     .weight = static_cast<const TileData*>(call.weight)->words.data(),
                     .columns = columns_,
                     .first_panel = first_part,
                     .end_panel = end_part,
                     .out = call.out});
    return true;
  }

 private:
  const Tiles& tiles_;
  const size_t words_, columns_;
};

class TileProduct final : public Product {
 public:
  TileProduct(const Tiles& tiles, int64_t in, int64_t out, Precision precision)
      : tiles_(tiles),
        in_(static_cast<size_t>(in)),
        out_(static_cast<size_t>(out)),
        precision_(precision),
        words_(in_ / ValuesOfWord(precision)),
        name_(tiles.name) {}

  const std::string& name() const override { return name_; }
  int64_t RoundedRows(int64_t rows) const override { return rows; }
  size_t parts() const override { return TilePanels(out_); }
  size_t scratch_bytes() const override { return 0; }

  absl::StatusOr<std::unique_ptr<PackedData>> Pack(const void* values) const override {
    auto blank = Blank();
    if (!blank.ok()) return blank;
    uint32_t* words = static_cast<TileData&>(**blank).words.data();
    for (size_t column = 0; column < out_; ++column) {
      uint32_t* to = words + TileWord(out_, words_, column, 0);
      const size_t step = TileWord(out_, words_, column, 1) - TileWord(out_, words_, column, 0);
      for (size_t word = 0; word < words_; ++word, to += step) {
        *to = WordOf(values, column * in_ + word * ValuesOfWord(precision_));
      }
    }
    return blank;
  }

  absl::StatusOr<std::unique_ptr<PackedData>> Blank() const override {
    try {
      return std::make_unique<TileData>(TileWords(out_, words_));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(absl::StrCat("no memory for a weight of [", out_, ", ", in_, "]"));
    }
  }

  std::unique_ptr<ProductRunner> MakeRunner() const override {
    return std::make_unique<TileRunner>(tiles_, words_, out_);
  }

 private:
  /// The word that starts with the value at `index`.
  uint32_t WordOf(const void* values, size_t index) const {
    uint32_t word;
    if (precision_ == Precision::kInt8) {
      std::memcpy(&word, static_cast<const int8_t*>(values) + index, sizeof word);
    } else if (precision_ == Precision::kBFloat16) {
      const float* pair = static_cast<const float*>(values) + index;
      word = BFloat16Of(pair[0]) | BFloat16Of(pair[1]) << 16;
    } else {
      std::memcpy(&word, static_cast<const float*>(values) + index, sizeof word);
    }
    return word;
  }

  const Tiles& tiles_;
  const size_t in_, out_;
  const Precision precision_;
  const size_t words_;
  const std::string name_;
};

}  // namespace

const Tiles* TilesFor([[maybe_unused]] Precision precision) {
#if defined(__x86_64__)
  switch (precision) {
    case Precision::kFloat32:
      return HostHasAvx512() ? &Avx512Tiles() : nullptr;
    case Precision::kBFloat16:
      return HostHasAvx512Bf16() ? &Avx512Bf16Tiles() : nullptr;
    case Precision::kInt8:
      return HostHasAvx512Vnni() ? &Avx512VnniTiles() : nullptr;
  }
#endif
  return nullptr;
}

absl::StatusOr<std::unique_ptr<const Product>> MakeTileProduct(int64_t in, int64_t out, Precision precision) {
  const Tiles* tiles = TilesFor(precision);
  if (tiles == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("this host has no tiles for ", std::string(PrecisionName(precision)), " products"));
  }
  if (in % static_cast<int64_t>(ValuesOfWord(precision)) != 0) {
    return absl::UnimplementedError(absl::StrCat("tiles take no rows of ", in, " values"));
  }
  return std::make_unique<const TileProduct>(*tiles, in, out, precision);
}

}  // namespace roberta::kernels
