#pragma once

#include <atomic>
#include <cstdint>

namespace roberta::admission {

/// Draws a fraction of the calls, by chance: which of them is settled by the seed. Any thread may call.
class Sampler {
 public:
  /// `fraction` from 0, none, to 1, all.
  Sampler(double fraction, uint64_t seed) : fraction_(fraction), state_(seed) {}

  /// Whether the next call is drawn.
  bool Draw();

 private:
  const double fraction_;
  std::atomic<uint64_t> state_;
};

}  // namespace roberta::admission
