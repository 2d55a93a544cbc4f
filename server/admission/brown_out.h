#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>

namespace roberta::admission {

struct BrownOutOptions {
  using Duration = std::chrono::steady_clock::duration;

  Duration step_down_at = std::chrono::milliseconds(500);      ///< pressure of at least that much ...
  Duration step_down_after = std::chrono::milliseconds(1000);  ///< ... for so long takes one step down
  Duration step_up_at = std::chrono::milliseconds(100);        ///< of at most that much, less than `step_down_at` ...
  Duration step_up_after = std::chrono::milliseconds(10000);   ///< ... for so long takes one step up
};

/// Says how many steps below the usual quality calls are answered: a ladder with hysteresis. Level 0 is the usual one.
///
/// Pressure is the time that it would take to work off what waits now. It is told at each arrival; in between, time
/// passes and the work with it: a pressure of p is taken to be p - t after the time t. So a level is left again when
/// traffic has ceased, though nobody comes to tell, and no thread or timer is needed. Each step, of several in the same
/// direction too, takes the whole time anew.
///
/// Nothing but what it is told moves it: no clock of its own. Any thread may call.
class BrownOut {
 public:
  using Duration = BrownOutOptions::Duration;
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class Cause {
    kPressure,  ///< a step down
    kRelief,    ///< a step up
    kLostStep,  ///< up, because the ladder has fewer steps now
  };
  struct Change {
    size_t from = 0;
    size_t to = 0;
    Cause cause = Cause::kPressure;
    Duration pressure = {};  ///< as told last
  };

  /// `changed`, if not nullptr, is called at every change of the level, in their order and under a lock: it must not
  /// call back.
  explicit BrownOut(BrownOutOptions options, std::function<void(const Change&)> changed = nullptr);

  /// Tells the pressure at the time `now`, and how many `steps` the ladder has at present. Returns the level from now
  /// on, at most `steps`. A `now` that lies before the last one counts as that.
  size_t Tell(Duration pressure, TimePoint now, size_t steps);

  /// The level at the time `now`, after what has been told.
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
  Duration pressure_ = {};  // at told_
  TimePoint told_ = {};
  // Since when pressure is above or below, or since the last step if that was later.
  std::optional<TimePoint> high_since_;
  std::optional<TimePoint> low_since_;
};

}  // namespace roberta::admission
