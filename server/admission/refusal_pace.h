#pragma once

#include <algorithm>
#include <chrono>

namespace roberta::admission {

/// Says when each refusal may leave, so that callers who call again at once cannot come more often than what their
/// refusals may cost. Refusals leave one `interval` after another, and some at once after a quiet time; none has to
/// wait longer than kLongest, however many there are. Has no clock; not thread-safe.
class RefusalPace {
 public:
  using Clock = std::chrono::steady_clock;

  /// What may leave at once after a quiet time is what would leave within this time.
  static constexpr std::chrono::milliseconds kBurst{10};
  static constexpr std::chrono::milliseconds kLongest{1000};

  explicit RefusalPace(std::chrono::nanoseconds interval) : interval_(interval) {}

  /// When a refusal made at `now` may leave: at `now` or later.
  Clock::time_point Next(Clock::time_point now) {
    next_ = std::clamp(next_ + interval_, now - kBurst, now + kLongest);
    return std::max(next_, now);
  }

 private:
  const std::chrono::nanoseconds interval_;
  Clock::time_point next_{};
};

}  // namespace roberta::admission
