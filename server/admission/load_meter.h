#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace roberta::admission {

/// Adds up the work that arrives, and compares it with what can be done in the same time. Not thread-safe.
class LoadMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time that Ratio looks back.
  static constexpr std::chrono::seconds kWindow{10};

  explicit LoadMeter(size_t executors) : executors_(executors) {}

  /// Work of `executor_ns` nanoseconds on one executor arrived.
  void Offer(Clock::time_point now, double executor_ns);
  /// Work that arrived within the window, over what the executors can do in that time: above 1 they cannot keep up.
  double Ratio(Clock::time_point now) const;

 private:
  static constexpr size_t kSlots = 10;
  static constexpr std::chrono::nanoseconds kSlot = std::chrono::nanoseconds(kWindow) / kSlots;
  struct Slot {
    int64_t number = -1;  // since the clock's epoch
    double executor_ns = 0;
  };
  static int64_t NumberOf(Clock::time_point time) { return time.time_since_epoch() / kSlot; }

  const size_t executors_;
  std::array<Slot, kSlots + 1> slots_;  // one more: the oldest is partly within the window
};

}  // namespace roberta::admission
