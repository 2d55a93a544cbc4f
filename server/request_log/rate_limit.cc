#include "server/request_log/rate_limit.h"

#include <algorithm>

namespace roberta::request_log {

bool RateLimit::Take(Clock::time_point now) {
  const int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  int64_t taken = 0;
  do {
    taken = std::max(full_at, now_ns) + interval_ns_;
    if (taken - now_ns > 1'000'000'000) return false;
  } while (!full_at_ns_.compare_exchange_weak(full_at, taken, std::memory_order_relaxed));
  return true;
}

}  // namespace roberta::request_log
