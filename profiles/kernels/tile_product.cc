#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <limits>
#include <mutex>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/isa.h"
#include "profiles/kernels/product.h"
#include "profiles/kernels/tiles.h"

namespace roberta::kernels {
namespace {

/// Rounded to nearest, ties to even; NaN stays one.
uint16_t BFloat16Of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

struct TileData final : PackedData {
  explicit TileData(size_t size) : data(size) {}
  int64_t bytes() const override { return static_cast<int64_t>(data.bytes()); }
  AlignedBuffer<unsigned char> data;
};

class TileRunner final : public ProductRunner {
 public:
  /// What all products have in common.
  TileRunner(const Tiles& tiles, const TileArguments& arguments) : tiles_(tiles), arguments_(arguments) {}

  bool Run(const ProductCall& call, size_t first_part, size_t end_part) override {
    TileArguments arguments = arguments_;
    arguments.in = call.in;
    arguments.row_count = static_cast<size_t>(call.rows);
    arguments.weight = static_cast<const TileData*>(call.weight)->data.data();
    arguments.first_panel = first_part;
    arguments.end_panel = end_part;
    arguments.out = call.out;
    tiles_.multiply(arguments);
    return true;
  }

 private:
  const Tiles& tiles_;
  const TileArguments arguments_;
};

class TileProduct final : public Product {
 public:
  TileProduct(const Tiles& tiles, int64_t in, int64_t out)
      : tiles_(tiles),
        layout_(tiles.layout),
        in_(static_cast<size_t>(in)),
        out_(static_cast<size_t>(out)),
        words_(layout_.words(in_)),
        name_(absl::StrCat("tiles ", std::string(IsaName(tiles.isa)))) {}

  const std::string& name() const override { return name_; }
  int64_t RoundedRows(int64_t rows) const override { return rows; }
  size_t parts() const override { return layout_.panels(out_); }
  size_t scratch_bytes() const override { return 0; }
  bool reads_wide_bytes() const override {
    return tiles_.precision == Precision::kInt8 && layout_.row_value_bytes() == 2;
  }

  absl::StatusOr<std::unique_ptr<PackedData>> Pack(const void* values) const override {
    auto blank = Blank();
    if (!blank.ok()) return blank;
    unsigned char* const data = static_cast<TileData&>(**blank).data.data();
    const auto copy = [](auto value) { return value; };
    if (tiles_.precision == Precision::kFloat32) {
      PackWords<1>(static_cast<const float*>(values), data, copy);
    } else if (tiles_.precision == Precision::kBFloat16Weights) {
      PackWords<1>(static_cast<const float*>(values), data, BFloat16Of);
    } else if (tiles_.precision == Precision::kBFloat16) {
      PackWords<2>(static_cast<const float*>(values), data, BFloat16Of);
    } else if (layout_.row_values == 2) {
      PackWords<2>(static_cast<const int8_t*>(values), data, copy);
    } else {
      PackWords<4>(static_cast<const int8_t*>(values), data, copy);
    }
    return blank;
  }

  absl::StatusOr<std::unique_ptr<PackedData>> Blank() const override {
    try {
      return std::make_unique<TileData>(layout_.bytes(out_, words_));
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(absl::StrCat("no memory for a weight of [", out_, ", ", in_, "]"));
    }
  }

  std::unique_ptr<ProductRunner> MakeRunner() const override {
    return std::make_unique<TileRunner>(
        tiles_, TileArguments{.row_bytes = in_ * layout_.row_value_bytes(), .words = words_, .columns = out_});
  }

 private:
  /// Words of `kValues` (the layout's row_values) of `values` [out, in], each as `convert` makes it. The number is
  /// known when this is compiled, as copying a word would else be a call.
  template <size_t kValues, typename Value, typename Convert>
  void PackWords(const Value* values, unsigned char* data, Convert convert) const {
    for (size_t column = 0; column < out_; ++column, values += in_) {
      unsigned char* to = data + layout_.offset(out_, words_, column, 0);
      const size_t step = layout_.offset(out_, words_, column, 1) - layout_.offset(out_, words_, column, 0);
      size_t k = 0;
      for (; k + kValues <= in_; k += kValues, to += step) CopyWord(values + k, kValues, to, convert);
      CopyWord(values + k, in_ - k, to, convert);
    }
  }

  template <typename Value, typename Convert>
  static void CopyWord(const Value* values, size_t count, unsigned char* to, Convert convert) {
    for (size_t i = 0; i < count; ++i) {
      const auto value = convert(values[i]);
      std::memcpy(to + i * sizeof value, &value, sizeof value);
    }
  }

  const Tiles& tiles_;
  const TileLayout layout_;
  const size_t in_, out_;
  const size_t words_;
  const std::string name_;
};

/// A row for each instruction set that has tiles.
struct IsaTiles {
  Isa isa;
  std::span<const Tiles> (*tiles)();
};
constexpr IsaTiles kIsaTiles[] = {
    {Isa::kPortable, PortableTiles},
#if defined(__x86_64__)
    {Isa::kAvx2, Avx2Tiles},
    {Isa::kAvxVnni, AvxVnniTiles},
    {Isa::kAvx512, Avx512Tiles},
    {Isa::kAvx512Vnni, Avx512VnniTiles},
    {Isa::kAvx512Bf16, Avx512Bf16Tiles},
    {Isa::kAmx, AmxTiles},
#endif
};

/// What instructions take, on rows that stay in the nearest caches.
double SecondsOf(const Tiles& tiles) {
  constexpr int64_t kRows = 48, kIn = 768, kOut = 256;
  return SecondsOf(TileProduct(tiles, kIn, kOut), kIn, kOut, kRows).value_or(std::numeric_limits<double>::infinity());
}

}  // namespace

const Tiles* TilesFor(Isa isa, Precision precision) {
  if (!HostHas(isa)) return nullptr;
  for (const IsaTiles& row : kIsaTiles) {
    if (row.isa != isa) continue;
    for (const Tiles& tiles : row.tiles()) {
      if (tiles.precision == precision) return &tiles;
    }
  }
  return nullptr;
}

const Tiles* FastestTiles(Precision precision) {
  static std::array<std::once_flag, kPrecisions> measured;
  static std::array<const Tiles*, kPrecisions> fastest;
  const auto index = static_cast<size_t>(precision);
  std::call_once(measured[index], [&] {
    double least = std::numeric_limits<double>::infinity();
    // The portable ones are for hosts that have no others.
    for (size_t i = std::size(kIsaTiles); i-- > 0;) {
      const Isa isa = kIsaTiles[i].isa;
      const Tiles* const tiles = TilesFor(isa, precision);
      if (tiles == nullptr || (isa == Isa::kPortable && fastest[index] != nullptr)) continue;
      const double seconds = SecondsOf(*tiles);
      if (fastest[index] != nullptr && seconds >= least) continue;
      fastest[index] = tiles;
      least = seconds;
    }
  });
  return fastest[index];
}

absl::StatusOr<std::unique_ptr<const Product>> MakeTileProduct(int64_t in, int64_t out, Precision precision,
                                                               std::optional<Isa> isa) {
  const Tiles* tiles = isa ? TilesFor(*isa, precision) : FastestTiles(precision);
  if (tiles == nullptr) {
    return absl::UnimplementedError(absl::StrCat("this host has no tiles",
                                                 isa ? absl::StrCat(" of ", std::string(IsaName(*isa))) : "", " for ",
                                                 std::string(PrecisionName(precision)), " products"));
  }
  // What follows a row is multiplied by 0, which is nothing for bytes, but may be NaN for floats.
  const TileLayout& layout = tiles->layout;
  if (precision != Precision::kInt8 &&
      static_cast<size_t>(in) != layout.words(static_cast<size_t>(in)) * layout.row_values) {
    return absl::UnimplementedError(absl::StrCat("tiles take no rows of ", in, " values"));
  }
  return std::make_unique<const TileProduct>(*tiles, in, out);
}

}  // namespace roberta::kernels
