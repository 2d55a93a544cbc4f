#pragma once

#include <algorithm>
#include <cstddef>

namespace roberta::admission {

/// How many tokens a text of so many bytes will have, before it is tokenised: learned from those that were. Not
/// thread-safe.
class TokenRate {
 public:
  /// Of one item of `bytes` UTF-8 bytes, special tokens included; at most `max_tokens`.
  size_t Estimate(size_t bytes, size_t max_tokens) const {
    const double tokens = kSpecialTokens + static_cast<double>(bytes) * tokens_per_byte();
    return tokens < static_cast<double>(max_tokens) ? static_cast<size_t>(tokens) : max_tokens;
  }

  /// `items` items of together `bytes` bytes had `tokens` tokens, none of them cut off.
  void Learn(size_t items, size_t bytes, size_t tokens) {
    bytes_ = kMemory * bytes_ + static_cast<double>(bytes);
    tokens_ = kMemory * tokens_ + std::max(0.0, static_cast<double>(tokens) - kSpecialTokens * items);
  }

  double tokens_per_byte() const { return std::clamp(tokens_ / bytes_, 0.01, 2.0); }

 private:
  static constexpr double kSpecialTokens = 2;
  static constexpr double kMemory = 1 - 1.0 / 64;  // what is left of a call's weight after the next

  // English prose, until calls come.
  double bytes_ = 1000;
  double tokens_ = 240;
};

}  // namespace roberta::admission
