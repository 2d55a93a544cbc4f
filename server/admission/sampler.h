#pragma once

#include <atomic>
#include <cstdint>

namespace roberta::admission {

/// Draws a fraction of the calls at random; the seed determines which. Any thread may call.
class Sampler {
 public:
  /// `fraction` from 0, none, to 1, all.
  Sampler(double fraction, uint64_t seed) : fraction_(fraction), state_(seed) {}

  /// Whether the next call is drawn.
  bool Draw() {
    // splitmix64 (Steele, Lea, Flood 2014), whose state is a counter: threads share it without a lock.
    constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;
    uint64_t bits = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    bits ^= bits >> 31;
    return static_cast<double>(bits >> 11) * 0x1p-53 < fraction_;
  }

 private:
  const double fraction_;
  std::atomic<uint64_t> state_;
};

}  // namespace roberta::admission
