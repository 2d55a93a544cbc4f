#include "profiles/kernels/fastest_isa.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/passes.h"

namespace roberta::kernels {

namespace {

constexpr size_t kRows = 16;
constexpr size_t kColumns = 1024;
constexpr int kRounds = 5;

/// A pass with much arithmetic and one with much memory traffic, as an encoder layer has them.
double SecondsOf(const Passes& passes) {
  AlignedBuffer<float> values(kRows * kColumns), other(kRows * kColumns), vector(kColumns);
  const ProductRows product = {.values = values.data(), .stride = kColumns};
  double least = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    std::fill_n(values.data(), values.size(), 0.5f);
    const auto start = std::chrono::steady_clock::now();
    passes.bias_gelu(product, vector.data(), {.values = values.data()}, nullptr, kRows, kColumns);
    passes.residual_norm(product, vector.data(), other.data(), {vector.data(), vector.data(), 1e-5f}, {}, kRows,
                         kColumns);
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

}  // namespace

Isa FastestIsa() {
  static const Isa fastest = [] {
    Isa best = Isa::kPortable;
    double least = std::numeric_limits<double>::infinity();
    for (const Isa isa : HostIsas()) {
      const double seconds = SecondsOf(PassesFor(isa));
      if (seconds < least) {
        least = seconds;
        best = isa;
      }
    }
    return best;
  }();
  return fastest;
}

AttentionPass FastestMixedAttention(size_t head_size) {
  static_cast<void>(head_size);
  return PassesFor(FastestIsa()).attention;
}

}  // namespace roberta::kernels
