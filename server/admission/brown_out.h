#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>

namespace roberta::admission {

/// `step_up_at` is below `step_down_at`.
struct BrownOutOptions {
  using Duration = std::chrono::steady_clock::duration;

  Duration step_down_at = std::chrono::milliseconds(500);      ///< one step down after pressure of at least this ...
  Duration step_down_after = std::chrono::milliseconds(1000);  ///< ... for this time
  Duration step_up_at = std::chrono::milliseconds(100);        ///< one step up after pressure of at most this ...
  Duration step_up_after = std::chrono::milliseconds(10000);   ///< ... for this time
};

/// Decides how many steps below the usual quality calls are answered: a ladder with hysteresis. Level 0 is the usual
/// one.
///
/// Pressure is the time that it would take to do the work that waits now. It is reported at each arrival. Between
/// reports it falls with time: a pressure of p counts as p - t after the time t. So the level goes up again after
/// traffic has stopped, though no report comes, and no thread or timer is needed. Each step, also of several in the
/// same direction, takes the whole time.
///
/// It changes only when it is called, and has no clock. Any thread may call.
class BrownOut {
 public:
  using Duration = BrownOutOptions::Duration;
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class Cause {
    kPressure,  ///< a step down
    kRelief,    ///< a step up
    kLostStep,  ///< a step up, because the ladder has fewer steps now
  };
  struct Change {
    size_t from = 0;
    size_t to = 0;
    Cause cause = Cause::kPressure;
    Duration pressure = {};  ///< as last reported
  };

  /// `changed`, if not nullptr, is called at every change of the level, in their order and under a lock: it must not
  /// call back.
  explicit BrownOut(BrownOutOptions options, std::function<void(const Change&)> changed = nullptr);

  /// Reports the pressure at the time `now`, and how many `steps` the ladder has. Returns the level from now on, at
  /// most `steps`. A `now` before the last one counts as the last one.
  size_t Report(Duration pressure, TimePoint now, size_t steps);

  /// The level at the time `now`, by the reports so far.
  size_t LevelAt(TimePoint now);

 private:
  void PassTime(TimePoint now);
  void MoveTo(size_t level, Cause cause);

  const BrownOutOptions options_;
  const std::function<void(const Change&)> changed_;
  std::mutex mutex_;
  // All below are guarded by mutex_.
  size_t level_ = 0;
  size_t steps_ = 0;
  Duration pressure_ = {};  // at reported_
  TimePoint reported_ = {};
  // Since when pressure is above or below, or since the last step if that was later.
  std::optional<TimePoint> high_since_;
  std::optional<TimePoint> low_since_;
};

}  // namespace roberta::admission
