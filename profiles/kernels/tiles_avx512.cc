#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

struct FloatDot {
  using Sums = __m512;
  static constexpr const char* kName = "tiles avx512";
  static Sums Zeros() { return _mm512_setzero_ps(); }
  static Sums Add(Sums sums, __m512i row, __m512i weight) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(row), _mm512_castsi512_ps(weight), sums);
  }
  static __m512i Bits(Sums sums) { return _mm512_castps_si512(sums); }
};

}  // namespace

const Tiles& Avx512Tiles() {
  return kTilesOf<FloatDot>;
}

}  // namespace roberta::kernels
