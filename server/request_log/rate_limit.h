#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace roberta::request_log {

/// Lets through `per_second` events a second in the long run, and as many at once. Any thread may call; nothing blocks.
/// The generic cell rate algorithm (ITU-T I.371), a token bucket that is one number: when the bucket will be full.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `per_second` is positive.
  explicit RateLimit(int64_t per_second) : interval_ns_(1'000'000'000 / per_second) {}

  /// True if an event may happen at `now`, which then counts.
  bool Take(Clock::time_point now);

 private:
  const int64_t interval_ns_;
  std::atomic<int64_t> full_at_ns_{INT64_MIN};
};

}  // namespace roberta::request_log
