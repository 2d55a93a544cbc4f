#include "server/admission/brown_out.h"

#include <algorithm>
#include <utility>

namespace roberta::admission {

BrownOut::BrownOut(BrownOutOptions options, std::function<void(const Change&)> changed)
    : options_(options), changed_(std::move(changed)) {}

size_t BrownOut::Report(Duration pressure, TimePoint now, size_t steps) {
  const std::lock_guard lock(mutex_);
  now = std::max(now, reported_);
  PassTime(now);
  steps_ = steps;
  if (level_ > steps_) MoveTo(steps_, Cause::kLostStep);
  pressure_ = pressure;
  if (pressure < options_.step_down_at) {
    high_since_.reset();
  } else if (!high_since_) {
    high_since_ = now;
  }
  if (pressure > options_.step_up_at) {
    low_since_.reset();
  } else if (!low_since_) {
    low_since_ = now;
  }
  return level_;
}

size_t BrownOut::LevelAt(TimePoint now) {
  const std::lock_guard lock(mutex_);
  PassTime(std::max(now, reported_));
  return level_;
}

void BrownOut::PassTime(TimePoint now) {
  // Pressure only falls until `now`: what is high of the time comes before what is low of it.
  if (high_since_) {
    const TimePoint high_until = std::min(now, reported_ + (pressure_ - options_.step_down_at));
    while (level_ < steps_ && high_until - *high_since_ >= options_.step_down_after) {
      *high_since_ += options_.step_down_after;
      MoveTo(level_ + 1, Cause::kPressure);
    }
    // A step that the ladder gets later is taken at once, and a second one only when pressure lasts.
    high_since_ = std::max(*high_since_, high_until - options_.step_down_after);
    if (high_until < now) high_since_.reset();
  }
  const TimePoint low_from = reported_ + std::max(pressure_ - options_.step_up_at, Duration::zero());
  if (!low_since_ && low_from <= now) low_since_ = low_from;
  while (low_since_ && level_ > 0 && now - *low_since_ >= options_.step_up_after) {
    *low_since_ += options_.step_up_after;
    MoveTo(level_ - 1, Cause::kRelief);
  }
  pressure_ = std::max(pressure_ - (now - reported_), Duration::zero());
  reported_ = now;
}

void BrownOut::MoveTo(size_t level, Cause cause) {
  const size_t from = std::exchange(level_, level);
  if (changed_ != nullptr) changed_({from, level, cause, pressure_});
}

}  // namespace roberta::admission
