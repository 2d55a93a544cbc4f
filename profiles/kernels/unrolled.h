#pragma once

// Internal to each translation unit, as vectors.h is.
#include <cstddef>
#include <type_traits>
#include <utility>

namespace roberta::kernels {
namespace {

/// step(0), step(1), ... with constants, written out by the front end: what the optimizer unrolls by itself, late,
/// would leave a tile's sums in memory (gcc 12).
template <size_t kCount, typename Step>
[[gnu::always_inline]] inline void Unrolled(const Step& step) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) __attribute__((always_inline)) {
    (step(std::integral_constant<size_t, kIndex>()), ...);
  }
  (std::make_index_sequence<kCount>());
}

}  // namespace
}  // namespace roberta::kernels
