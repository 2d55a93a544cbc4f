#include <immintrin.h>

#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

/// Bytes of the rows unsigned, of the weights signed, four products to a sum of 32 bits.
struct ByteDot {
  static constexpr Precision kPrecision = Precision::kInt8;
  static constexpr TileLayout kLayout = {
      .row_values = 4, .weight_bytes = 4, .lanes = 16, .vectors = 4, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m512i;
  using Weights = __m512i;
  static Sums Zeros() { return _mm512_setzero_si512(); }
  static Weights Load(const unsigned char* from) { return _mm512_load_si512(from); }
  static __m512i Row(const unsigned char* from) { return _mm512_set1_epi32(WordAt(from)); }
  /// Not _mm512_dpbusd_epi32: gcc 12 copies the sums around it, and runs out of registers.
  static Sums Add(Sums sums, __m512i row, Weights weights) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(row), "v"(weights));
    return sums;
  }
  static void Store(void* to, Sums sums) { _mm512_storeu_si512(to, sums); }
};

constexpr Tiles kSets[] = {TilesOf<ByteDot>(Isa::kAvx512Vnni)};

}  // namespace

std::span<const Tiles> Avx512VnniTiles() {
  return kSets;
}

}  // namespace roberta::kernels
