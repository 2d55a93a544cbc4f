#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace roberta::admission {

/// Says when each refusal may leave, so that callers who call again at once cannot come more often than what their
/// refusals may cost. Refusals leave one `interval` after another, and some at once after a quiet time.
///
/// No wait is longer than kLongest. Where that is too short for the interval, because there are very many callers, they
/// all wait for so long, if it makes them come less often. Callers who come at their own times, whether they are
/// answered or not, would only be more of a burden while they wait. So while waits are the longest, it lets those that
/// would have them leave at once for a moment, and looks whether more come then. Has no clock; not thread-safe.
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
    const bool is_longest = next_ >= now + kLongest - kBurst;
    Count(now, is_longest);
    return is_longest && !waits_ ? now : std::max(next_, now);
  }

 private:
  enum Phase : size_t { kSettle, kMeasure, kProbe, kDecided };
  static constexpr std::array<std::chrono::milliseconds, 4> kLengths = {kLongest, kLongest, kLongest / 2,
                                                                        20 * kLongest};
  /// Waiting pays if so many times as many come without it.
  static constexpr double kGain = 1.6;

  void Count(Clock::time_point now, bool is_longest) {
    ++count_;
    const Clock::duration passed = now - began_;
    if (passed < kLengths[phase_]) return;
    const double rate = static_cast<double>(count_) / std::chrono::duration<double>(passed).count();
    const bool was_quiet = passed > 2 * kLengths[phase_];
    if (was_quiet || phase_ == kDecided || (phase_ == kSettle && !is_longest)) return Begin(kSettle, true, now);
    if (phase_ == kSettle) return Begin(kMeasure, true, now);
    if (phase_ == kProbe) return Begin(kDecided, rate > kGain * rate_, now);
    rate_ = rate;
    Begin(kProbe, false, now);
  }
  void Begin(Phase phase, bool waits, Clock::time_point now) {
    phase_ = phase;
    waits_ = waits;
    began_ = now;
    count_ = 0;
  }

  const std::chrono::nanoseconds interval_;
  Clock::time_point next_{};
  bool waits_ = true;  ///< refusals that would have the longest wait
  Phase phase_ = kSettle;
  Clock::time_point began_{};
  size_t count_ = 0;  ///< of refusals since then
  double rate_ = 0;   ///< of the last measurement, per second
};

}  // namespace roberta::admission
