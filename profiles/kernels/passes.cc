#include "profiles/kernels/passes.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>

#include "profiles/kernels/aligned_buffer.h"

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
    passes.bias_activation(product, vector.data(), nullptr, {.values = values.data()}, nullptr, kRows, kColumns);
    passes.residual_norm(product, vector.data(), other.data(), {vector.data(), vector.data(), 1e-5f}, {}, kRows,
                         kColumns);
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

/// Short texts and longer ones, as they come.
double SecondsOf(AttentionPass attention, size_t head_size) {
  constexpr size_t kHeads = 4;
  constexpr int32_t kCuSeqlens[] = {0, 12, 35, 59, 110, 238};
  constexpr size_t kSequences = std::size(kCuSeqlens) - 1, kTokens = 238, kLongest = 128;
  const size_t width = kHeads * head_size;
  AlignedBuffer<float> product(kTokens * 3 * width), bias(width), context(kTokens * width);
  AlignedBuffer<float> scratch(AttentionScratchFloats(kLongest, head_size));
  for (size_t i = 0; i < product.size(); ++i) product.data()[i] = static_cast<float>(i % 7) * 0.1f - 0.3f;
  const ProductRows rows = {.values = product.data(), .stride = 3 * width};
  return LeastSeconds(kRounds, [&] {
    attention({.query = rows,
               .key = rows.Columns(width),
               .value = rows.Columns(2 * width),
               .query_bias = bias.data(),
               .key_bias = bias.data(),
               .value_bias = bias.data(),
               .cu_seqlens = kCuSeqlens,
               .sequences = kSequences,
               .heads = kHeads,
               .head_size = head_size,
               .context = context.data(),
               .scratch = scratch.data()});
    return true;
  });
}

}  // namespace

const std::vector<Isa>& PassIsas() {
  static const std::vector<Isa> isas = [] {
    std::vector<Isa> found;
    for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (HostHas(isa)) found.push_back(isa);
    }
    return found;
  }();
  return isas;
}

const Passes& PassesFor(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return Avx512Passes();
  if (isa == Isa::kAvx2) return Avx2Passes();
#endif
  return PortablePasses();
}

size_t AttentionScratchFloats(size_t longest, size_t head_size) {
  const size_t padded = (longest + kLongestVector - 1) / kLongestVector * kLongestVector;
  // Keys transposed, values, the scores of a block of queries, and a vector's worth of room behind each.
  return 2 * (padded + kLongestVector) * (head_size + kLongestVector) + kQueryRows * (padded + kLongestVector) +
         kQueryRows * (head_size + kLongestVector);
}

Isa FastestIsa() {
  static const Isa fastest = [] {
    std::map<double, Isa> by_seconds;
    for (const Isa isa : PassIsas()) by_seconds.emplace(SecondsOf(PassesFor(isa)), isa);
    return by_seconds.begin()->second;
  }();
  return fastest;
}

AttentionPass MixedAttentionFor([[maybe_unused]] size_t head_size) {
#if defined(__x86_64__)
  if (HostHas(Isa::kAvx512Bf16) && head_size % 32 == 0) return &Avx512Bf16Attention;
#endif
  return nullptr;
}

AttentionPass FastestMixedAttention(size_t head_size) {
  const AttentionPass exact = PassesFor(FastestIsa()).attention, mixed = MixedAttentionFor(head_size);
  if (mixed == nullptr) return exact;
  return SecondsOf(mixed, head_size) < SecondsOf(exact, head_size) ? mixed : exact;
}

}  // namespace roberta::kernels
