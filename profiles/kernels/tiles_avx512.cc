#include <immintrin.h>

#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

/// 6 rows by 4 vectors of sums, 4 of weights and one of a row's word are 29 of 32 registers; each word loaded of the
/// weights serves 6 rows, each of the rows 4 vectors, so that the loads keep out of the way.
struct FloatDot {
  static constexpr Precision kPrecision = Precision::kFloat32;
  static constexpr TileLayout kLayout = {
      .row_values = 1, .weight_bytes = 4, .lanes = 16, .vectors = 4, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m512;
  using Weights = __m512;
  static Sums Zeros() { return _mm512_setzero_ps(); }
  static Weights Load(const unsigned char* from) { return _mm512_load_ps(from); }
  static __m512 Row(const unsigned char* from) { return _mm512_castsi512_ps(_mm512_set1_epi32(WordAt(from))); }
  static Sums Add(Sums sums, __m512 row, Weights weights) { return _mm512_fmadd_ps(row, weights, sums); }
  static void Store(void* to, Sums sums) { _mm512_storeu_ps(to, sums); }
};

/// Weights are widened as they are loaded, by instructions that keep out of the multiplications' way.
struct BFloat16WeightsDot : FloatDot {
  static constexpr Precision kPrecision = Precision::kBFloat16Weights;
  static constexpr TileLayout kLayout = {
      .row_values = 1, .weight_bytes = 2, .lanes = 16, .vectors = 4, .whole_words = 1};
  static Weights Load(const unsigned char* from) {
    // By vectors of gcc's: it warns of its own intrinsics for this (gcc 12).
    using Halves = uint16_t __attribute__((vector_size(32), may_alias));
    using Words = uint32_t __attribute__((vector_size(64)));
    return reinterpret_cast<Weights>(__builtin_convertvector(*reinterpret_cast<const Halves*>(from), Words) << 16);
  }
};

/// Two bytes of a row, as 16 bits each, by two of the weights, which are widened as they are loaded: exact, where
/// instructions for four bytes would saturate (Skylake-SP has no others).
struct PairDot {
  static constexpr Precision kPrecision = Precision::kInt8;
  static constexpr TileLayout kLayout = {
      .row_values = 2, .weight_bytes = 2, .lanes = 16, .vectors = 4, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m512i;
  using Weights = __m512i;
  static Sums Zeros() { return _mm512_setzero_si512(); }
  static Weights Load(const unsigned char* from) {
    return _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static __m512i Row(const unsigned char* from) { return _mm512_set1_epi32(WordAt(from)); }
  static Sums Add(Sums sums, __m512i row, Weights weights) {
    return _mm512_add_epi32(sums, _mm512_madd_epi16(row, weights));
  }
  static void Store(void* to, Sums sums) { _mm512_storeu_si512(to, sums); }
};

constexpr Tiles kSets[] = {TilesOf<FloatDot>(Isa::kAvx512), TilesOf<BFloat16WeightsDot>(Isa::kAvx512),
                           TilesOf<PairDot>(Isa::kAvx512)};

}  // namespace

std::span<const Tiles> Avx512Tiles() {
  return kSets;
}

}  // namespace roberta::kernels
