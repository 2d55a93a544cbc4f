#pragma once

#include <algorithm>
#include <chrono>

namespace roberta::admission {

/// Says when each refusal may leave, so that callers who call again at once cannot come more often than what their
/// refusals may cost. Refusals leave one `interval` after another, and some at once after a quiet time.
///
/// No wait is longer than kLongest, or than what the call's deadline allows. Where a short deadline comes before the
/// turn, the refusal waits for as long as it can. Where there are so many that a long wait would not do, those beyond
/// leave at once: callers who come at their own times, whether they are answered or not, come no less often for a wait,
/// and holding all of their calls can be what a server that just keeps up cannot do. Has no clock; not thread-safe.
class RefusalPace {
 public:
  using Clock = std::chrono::steady_clock;

  /// What may leave at once after a quiet time is what would leave within this time.
  static constexpr std::chrono::milliseconds kBurst{10};
  static constexpr std::chrono::milliseconds kLongest{1000};

  explicit RefusalPace(std::chrono::nanoseconds interval) : interval_(interval) {}

  /// When a refusal made at `now` may leave: at `now` or later, and not after `latest`, unless that has passed.
  Clock::time_point Next(Clock::time_point now, Clock::time_point latest = Clock::time_point::max()) {
    latest = std::clamp(latest, now, now + kLongest);
    const Clock::time_point turn = std::max(next_ + interval_, now - kBurst);
    if (turn > latest && latest > now + kLongest / 2) return now;
    next_ = std::min(turn, now + kLongest);
    return std::clamp(turn, now, latest);
  }

 private:
  const std::chrono::nanoseconds interval_;
  Clock::time_point next_{};
};

}  // namespace roberta::admission
