#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <vector>

namespace roberta::admission {

/// How many items each caller has had lately, beside its rate: a token bucket that holds what the rate allows in
/// kBurst. A call may take more than is left, which is then missing to later ones. Has no clock. Any thread may call.
class CallerRates {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kBurst{1};

  /// How long `caller` has to wait for its next call; 0: it need not.
  Clock::duration Wait(size_t caller, Clock::time_point now) const {
    const std::lock_guard lock(mutex_);
    return caller < spent_.size() ? std::max(spent_[caller] - now, Clock::duration::zero()) : Clock::duration::zero();
  }
  /// `caller`, whose rate is above 0, had so many items.
  void Spend(size_t caller, double items_per_second, size_t items, Clock::time_point now) {
    const std::chrono::duration<double> time(static_cast<double>(items) / items_per_second);
    const std::lock_guard lock(mutex_);
    if (caller >= spent_.size()) spent_.resize(caller + 1);
    spent_[caller] = std::max(spent_[caller], now - kBurst) + std::chrono::duration_cast<Clock::duration>(time);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Clock::time_point> spent_;  ///< until then the bucket is empty; by caller; guarded by mutex_
};

}  // namespace roberta::admission
