#include <immintrin.h>

#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

/// Bytes of the rows unsigned, of the weights signed, four products to a sum of 32 bits.
struct ByteDot {
  static constexpr Precision kPrecision = Precision::kInt8;
  static constexpr TileLayout kLayout = {
      .row_values = 4, .weight_bytes = 4, .lanes = 8, .vectors = 2, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m256i;
  using Weights = __m256i;
  static Sums Zeros() { return _mm256_setzero_si256(); }
  static Weights Load(const unsigned char* from) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(from)); }
  static __m256i Row(const unsigned char* from) { return _mm256_set1_epi32(WordAt(from)); }
  /// By its letters: not every compiler knows this encoding, and gcc 12 copies the sums around its intrinsics.
  static Sums Add(Sums sums, __m256i row, Weights weights) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(row), "x"(weights));
    return sums;
  }
  static void Store(void* to, Sums sums) { _mm256_storeu_si256(static_cast<__m256i*>(to), sums); }
};

constexpr Tiles kSets[] = {TilesOf<ByteDot>(Isa::kAvxVnni)};

}  // namespace

std::span<const Tiles> AvxVnniTiles() {
  return kSets;
}

}  // namespace roberta::kernels
