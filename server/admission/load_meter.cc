#include "server/admission/load_meter.h"

namespace roberta::admission {

void LoadMeter::Offer(Clock::time_point now, double executor_ns) {
  const int64_t number = NumberOf(now);
  Slot& slot = slots_[static_cast<size_t>(number) % slots_.size()];
  if (slot.number != number) slot = {number, 0};
  slot.executor_ns += executor_ns;
}

double LoadMeter::Ratio(Clock::time_point now) const {
  const int64_t last = NumberOf(now);
  const auto into_last = now.time_since_epoch() % kSlot;
  const double share_of_oldest = 1 - std::chrono::duration<double>(into_last) / kSlot;
  double offered_ns = 0;
  for (const Slot& slot : slots_) {
    const int64_t age = last - slot.number;
    if (slot.number < 0 || age < 0 || age > static_cast<int64_t>(kSlots)) continue;
    offered_ns += slot.executor_ns * (age == static_cast<int64_t>(kSlots) ? share_of_oldest : 1);
  }
  const double window_ns = std::chrono::duration<double, std::nano>(kWindow).count();
  return offered_ns / (window_ns * static_cast<double>(executors_));
}

}  // namespace roberta::admission
