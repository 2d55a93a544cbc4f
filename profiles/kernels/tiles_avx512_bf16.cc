#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

struct BFloat16Dot {
  using Sums = __m512;
  static constexpr const char* kName = "tiles avx512_bf16";
  static Sums Zeros() { return _mm512_setzero_ps(); }
  static Sums Add(Sums sums, __m512i row, __m512i weight) {
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(row), reinterpret_cast<__m512bh>(weight));
  }
  static __m512i Bits(Sums sums) { return _mm512_castps_si512(sums); }
};

}  // namespace

const Tiles& Avx512Bf16Tiles() {
  return kTilesOf<BFloat16Dot>;
}

}  // namespace roberta::kernels
