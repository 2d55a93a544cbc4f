#include "server/admission/permits.h"

#include <utility>
#include <vector>

namespace roberta::admission {

void ReturnPermit::operator()(Permits* permits) const {
  permits->Return(*this);
}

Permits::Decision Permits::TryAdmit(size_t caller, size_t most) {
  const std::lock_guard lock(mutex_);
  if (closed_) return RefuseClosed();
  if (in_flight_ >= capacity_) return {Permit(), Refusal::kFull};
  if (caller >= held_.size()) held_.resize(caller + 1);
  if (held_[caller] >= most) return {Permit(), Refusal::kShare};
  ++in_flight_;
  ++held_[caller];
  return {Permit(this, {.caller = caller}), Refusal::kNone};
}

uint64_t Permits::AdmitWhenFree(Admitted admitted) {
  Decision decision;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      decision = RefuseClosed();
    } else if (waits_.empty() && RoomForStream()) {
      decision.permit = TakeForStream();
    } else {
      waits_.emplace(++last_wait_, std::move(admitted));
      return last_wait_;
    }
  }
  admitted(std::move(decision));
  return 0;
}

void Permits::CancelWait(uint64_t wait) {
  Admitted cancelled;  // destroyed without the lock
  const std::lock_guard lock(mutex_);
  const auto found = waits_.find(wait);
  if (found == waits_.end()) return;
  cancelled = std::move(found->second);
  waits_.erase(found);
}

Permit Permits::TakeForStream() {
  ++in_flight_;
  ++streams_in_flight_;
  return Permit(this, {.for_stream = true});
}

Permits::Decision Permits::RefuseClosed() {
  ++turned_away_count_;
  turned_away_.notify_all();
  return {Permit(), Refusal::kClosed};
}

void Permits::Close() {
  std::map<uint64_t, Admitted> waits;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waits.swap(waits_);
  }
  for (auto& [number, admitted] : waits) admitted({Permit(), Refusal::kClosed});
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

void Permits::Return(const ReturnPermit& returned) {
  std::vector<std::pair<Admitted, Permit>> admitted;
  {
    // Notified under the lock, because a thread that waits may destroy this object as soon as it wakes.
    const std::lock_guard lock(mutex_);
    --(returned.for_stream ? streams_in_flight_ : held_[returned.caller]);
    --in_flight_;
    while (!waits_.empty() && RoomForStream()) {
      admitted.emplace_back(std::move(waits_.begin()->second), TakeForStream());
      waits_.erase(waits_.begin());
    }
    if (in_flight_ == 0) idle_.notify_all();
  }
  for (auto& [callback, permit] : admitted) callback({std::move(permit), Refusal::kNone});
}

}  // namespace roberta::admission
