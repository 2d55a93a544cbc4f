#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "server/metrics/families.h"
#include "server/metrics/per_profile.h"

namespace roberta::metrics {

inline constexpr size_t kPriorities = 4;
inline constexpr std::array<const char*, kPriorities> kPriorityNames = {"low", "normal", "high", "shadow"};

/// What waits for executors at one moment.
struct QueueState {
  struct Profile {
    std::array<size_t, kPriorities> items = {};
    size_t tokens = 0;  ///< shadow traffic not included
  };
  std::vector<Profile> profiles;  ///< in the order in which the metrics were given them, then comparisons as "none"
  double oldest_age_seconds = 0;  ///< 0 if nothing but shadow traffic waits
};

/// What waits in the queue: queue_items, queue_tokens, queue_oldest_age_seconds, queue_capacity_items.
class QueueMetrics {
 public:
  /// `registry` must outlive this.
  QueueMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// `state` is asked at each scrape, on the thread that scrapes; what it uses must outlive this. Call it before the
  /// first scrape.
  void Observe(size_t capacity_items, std::function<QueueState()> state);

  /// Asks for the state. To be called before each scrape.
  void Refresh();

 private:
  struct Handles {
    std::array<prometheus::Gauge*, kPriorities> items;
    prometheus::Gauge* tokens;
  };
  static PerProfile<Handles> MakeHandles(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  const PerProfile<Handles> handles_;
  prometheus::Gauge* oldest_age_;
  prometheus::Gauge* capacity_;
  std::function<QueueState()> state_;
};

}  // namespace roberta::metrics
