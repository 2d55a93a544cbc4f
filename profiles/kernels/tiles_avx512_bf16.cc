#include <immintrin.h>

#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

struct BFloat16Dot {
  static constexpr Precision kPrecision = Precision::kBFloat16;
  static constexpr TileLayout kLayout = {
      .row_values = 2, .weight_bytes = 4, .lanes = 16, .vectors = 4, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m512;
  using Weights = __m512i;
  static Sums Zeros() { return _mm512_setzero_ps(); }
  static Weights Load(const unsigned char* from) { return _mm512_load_si512(from); }
  static __m512i Row(const unsigned char* from) { return _mm512_set1_epi32(WordAt(from)); }
  static Sums Add(Sums sums, __m512i row, Weights weights) {
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(row), reinterpret_cast<__m512bh>(weights));
  }
  static void Store(void* to, Sums sums) { _mm512_storeu_ps(to, sums); }
};

constexpr Tiles kSets[] = {TilesOf<BFloat16Dot>(Isa::kAvx512Bf16)};

}  // namespace

std::span<const Tiles> Avx512Bf16Tiles() {
  return kSets;
}

}  // namespace roberta::kernels
