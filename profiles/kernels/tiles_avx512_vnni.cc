#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

/// Bytes of the rows unsigned, of the weights signed, four products to a sum of 32 bits.
struct ByteDot {
  using Sums = __m512i;
  static constexpr const char* kName = "tiles avx512_vnni";
  static Sums Zeros() { return _mm512_setzero_si512(); }
  /// Not _mm512_dpbusd_epi32: gcc 12 copies the sums around it, and runs out of registers.
  static Sums Add(Sums sums, __m512i row, __m512i weight) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(row), "v"(weight));
    return sums;
  }
  static __m512i Bits(Sums sums) { return sums; }
};

}  // namespace

const Tiles& Avx512VnniTiles() {
  return kTilesOf<ByteDot>;
}

}  // namespace roberta::kernels
