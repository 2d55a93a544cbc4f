// In plain C++, with the vectors that gcc and clang make of it: right on every processor, and fast where the compiler's
// baseline has vectors with fused multiply-add (aarch64).
#define ROBERTA_LANES 4
#include "profiles/kernels/tiles_body.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

struct FloatDot {
  static constexpr Precision kPrecision = Precision::kFloat32;
  static constexpr TileLayout kLayout = {
      .row_values = 1, .weight_bytes = 4, .lanes = 4, .vectors = 2, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = Floats;
  using Weights = Floats;
  static Sums Zeros() { return Sums{}; }
  static Weights Load(const unsigned char* from) {
    return roberta::kernels::Load(reinterpret_cast<const float*>(from));
  }
  static Floats Row(const unsigned char* from) { return AllBits(reinterpret_cast<const float*>(from)); }
  static Sums Add(Sums sums, Floats row, Weights weights) { return sums + row * weights; }
  static void Store(void* to, Sums sums) { std::memcpy(to, &sums, sizeof sums); }
};

struct ByteDot {
  static constexpr Precision kPrecision = Precision::kInt8;
  static constexpr TileLayout kLayout = {
      .row_values = 4, .weight_bytes = 4, .lanes = 4, .vectors = 2, .whole_words = 1};
  static constexpr size_t kRows = 4;
  using Sums = Ints;
  using Weights = Ints;
  static Sums Zeros() { return Sums{}; }
  static Weights Load(const unsigned char* from) {
    Ints words;
    std::memcpy(&words, from, sizeof words);
    return words;
  }
  static int Row(const unsigned char* from) { return WordAt(from); }
  static Sums Add(Sums sums, int row, Weights weights) {
    const auto bytes = static_cast<uint32_t>(row);
    return sums + (weights << 24 >> 24) * static_cast<int>(bytes & 0xFF) +
           (weights << 16 >> 24) * static_cast<int>(bytes >> 8 & 0xFF) +
           (weights << 8 >> 24) * static_cast<int>(bytes >> 16 & 0xFF) +
           (weights >> 24) * static_cast<int>(bytes >> 24);
  }
  static void Store(void* to, Sums sums) { std::memcpy(to, &sums, sizeof sums); }
};

constexpr Tiles kSets[] = {TilesOf<FloatDot>(Isa::kPortable), TilesOf<ByteDot>(Isa::kPortable)};

}  // namespace

std::span<const Tiles> PortableTiles() {
  return kSets;
}

}  // namespace roberta::kernels
