#define ROBERTA_LANES 16
#include <immintrin.h>

#include "profiles/kernels/attention_body.h"

namespace roberta::kernels {
namespace {

/// Words that hold two bfloat16 each; their products are summed up in float32.
struct BFloat16Dots {
  static constexpr size_t kValues = 2;

  [[gnu::always_inline]] static Floats Words(const Floats* values) {
    return reinterpret_cast<Floats>(
        _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(values[1]), reinterpret_cast<__m512>(values[0])));
  }
  [[gnu::always_inline]] static Floats WordsOfRows(const Floats* rows) {
    return reinterpret_cast<Floats>(Wide(rows[0]) | Wide(rows[1]) << 16);
  }
  [[gnu::always_inline]] static Floats Add(Floats sums, Floats a, Floats b) {
    return reinterpret_cast<Floats>(
        _mm512_dpbf16_ps(reinterpret_cast<__m512>(sums), reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)));
  }

 private:
  [[gnu::always_inline]] static UnsignedInts Wide(Floats values) {
    const auto halves = reinterpret_cast<Halves>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(values)));
    return __builtin_convertvector(halves, UnsignedInts);
  }
};

}  // namespace

void Avx512Bf16Attention(const AttentionArguments& arguments) {
  Attention<BFloat16Dots>(arguments);
}

}  // namespace roberta::kernels
