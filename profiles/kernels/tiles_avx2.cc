#include <immintrin.h>

#include "profiles/kernels/tiles_body.h"

namespace roberta::kernels {
namespace {

/// 6 rows by 2 vectors of sums, 2 of weights and one of a row's word are 15 of 16 registers.
struct FloatDot {
  static constexpr Precision kPrecision = Precision::kFloat32;
  static constexpr TileLayout kLayout = {
      .row_values = 1, .weight_bytes = 4, .lanes = 8, .vectors = 2, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m256;
  using Weights = __m256;
  static Sums Zeros() { return _mm256_setzero_ps(); }
  static Weights Load(const unsigned char* from) { return _mm256_load_ps(reinterpret_cast<const float*>(from)); }
  static __m256 Row(const unsigned char* from) { return _mm256_castsi256_ps(_mm256_set1_epi32(WordAt(from))); }
  static Sums Add(Sums sums, __m256 row, Weights weights) { return _mm256_fmadd_ps(row, weights, sums); }
  static void Store(void* to, Sums sums) { _mm256_storeu_ps(static_cast<float*>(to), sums); }
};

/// Weights are widened as they are loaded, by instructions that keep out of the multiplications' way.
struct BFloat16WeightsDot : FloatDot {
  static constexpr Precision kPrecision = Precision::kBFloat16Weights;
  static constexpr TileLayout kLayout = {
      .row_values = 1, .weight_bytes = 2, .lanes = 8, .vectors = 2, .whole_words = 1};
  static Weights Load(const unsigned char* from) {
    const __m128i halves = _mm_load_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
};

/// Two bytes of a row, as 16 bits each, by two of the weights, which are widened as they are loaded: exact, where
/// vpmaddubsw would saturate. With a product on its way to its sum, 5 rows fill the registers.
struct PairDot {
  static constexpr Precision kPrecision = Precision::kInt8;
  static constexpr TileLayout kLayout = {
      .row_values = 2, .weight_bytes = 2, .lanes = 8, .vectors = 2, .whole_words = 1};
  static constexpr size_t kRows = 6;
  using Sums = __m256i;
  using Weights = __m256i;
  static Sums Zeros() { return _mm256_setzero_si256(); }
  static Weights Load(const unsigned char* from) {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static __m256i Row(const unsigned char* from) { return _mm256_set1_epi32(WordAt(from)); }
  static Sums Add(Sums sums, __m256i row, Weights weights) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(row, weights));
  }
  static void Store(void* to, Sums sums) { _mm256_storeu_si256(static_cast<__m256i*>(to), sums); }
};

constexpr Tiles kSets[] = {TilesOf<FloatDot>(Isa::kAvx2), TilesOf<BFloat16WeightsDot>(Isa::kAvx2),
                           TilesOf<PairDot>(Isa::kAvx2)};

}  // namespace

std::span<const Tiles> Avx2Tiles() {
  return kSets;
}

}  // namespace roberta::kernels
