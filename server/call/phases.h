#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace roberta::call {

/// The phases of a call. Every nanosecond from its arrival to the last stamp belongs to exactly one of them.
enum class Phase {
  kTokenize,
  kQueue,
  kForm,  ///< its batch is put together
  kInfer,
  kPost,  ///< its response is made
};

inline constexpr size_t kPhases = 5;
inline constexpr std::array<const char*, kPhases> kPhaseNames = {"tokenize", "queue", "form", "infer", "post"};

/// Divides the time of one call into phases: each stamp adds the time since the previous stamp to a phase, so the
/// phases add up to the total by construction. Not thread-safe; one thread at a time works on a call.
class PhaseClock {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PhaseClock(Clock::time_point arrival) : arrival_(arrival), last_(arrival) {}

  /// `phase` ends at `now`, which must not be before the last stamp.
  void End(Phase phase, Clock::time_point now) {
    spent_ns_[static_cast<size_t>(phase)] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    last_ = now;
  }
  void End(Phase phase) { End(phase, Clock::now()); }

  const std::array<int64_t, kPhases>& spent_ns() const { return spent_ns_; }
  int64_t spent_ns(Phase phase) const { return spent_ns_[static_cast<size_t>(phase)]; }
  int64_t total_ns() const { return std::chrono::duration_cast<std::chrono::nanoseconds>(last_ - arrival_).count(); }

 private:
  Clock::time_point arrival_;
  Clock::time_point last_;
  std::array<int64_t, kPhases> spent_ns_ = {};
};

}  // namespace roberta::call
