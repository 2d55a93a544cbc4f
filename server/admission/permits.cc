#include "server/admission/permits.h"

namespace roberta::admission {

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    Return();
    permits_ = std::exchange(other.permits_, nullptr);
  }
  return *this;
}

void Permit::Return() {
  if (Permits* permits = std::exchange(permits_, nullptr); permits != nullptr) permits->Return();
}

Permits::Decision Permits::TryAdmit() {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    ++turned_away_count_;
    turned_away_.notify_all();
    return {Permit(), Refusal::kClosed};
  }
  if (in_flight_ >= capacity_) return {Permit(), Refusal::kFull};
  ++in_flight_;
  return {Permit(this), Refusal::kNone};
}

void Permits::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

bool Permits::WaitUntilIdle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] { return in_flight_ == 0; });
}

bool Permits::WaitUntilQuiet(std::chrono::milliseconds quiet, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  while (std::chrono::steady_clock::now() + quiet <= end) {
    const size_t before = turned_away_count_;
    if (!turned_away_.wait_for(lock, quiet, [&] { return turned_away_count_ != before; })) return true;
  }
  return false;
}

size_t Permits::in_flight() const {
  const std::lock_guard lock(mutex_);
  return in_flight_;
}

void Permits::Return() {
  // Notified under the lock: whoever waits may destroy this object as soon as it wakes.
  const std::lock_guard lock(mutex_);
  if (--in_flight_ == 0) idle_.notify_all();
}

}  // namespace roberta::admission
