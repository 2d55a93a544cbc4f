#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/call/priority.h"
#include "server/metrics/families.h"

namespace roberta::metrics {

/// What waits for executors at one moment.
struct QueueState {
  struct Profile {
    std::array<size_t, call::kPriorities> items = {};
    size_t tokens = 0;  ///< without shadow traffic
  };
  std::vector<Profile> profiles;  ///< in the order that QueueMetrics was given, then comparisons, counted as kNoProfile
  double oldest_age_seconds = 0;  ///< 0 if nothing but shadow traffic waits
};

/// What waits in the queue: queue_items, queue_tokens, queue_oldest_age_seconds, queue_capacity_items.
class QueueMetrics {
 public:
  /// `registry` must outlive this.
  QueueMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// Each scrape calls `state` on its own thread; what it uses must outlive this. Call before the first scrape.
  void Observe(size_t capacity_items, std::function<QueueState()> state);

  /// Reads the state. Call before each scrape.
  void Refresh();

 private:
  struct Handles {
    std::array<prometheus::Gauge*, call::kPriorities> items;
    prometheus::Gauge* tokens;
  };

  PerProfile<Handles> handles_;
  prometheus::Gauge* oldest_age_;
  prometheus::Gauge* capacity_;
  std::function<QueueState()> state_;
};

/// The batches that executors ran: batches_total, batch_items, batch_tokens, batch_padding_ratio. Any thread may call.
class BatchMetrics {
 public:
  /// `registry` must outlive this.
  BatchMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  struct Batch {
    size_t items = 0;
    size_t tokens = 0;         ///< of the items
    size_t padded_tokens = 0;  ///< computed in addition, only to make the items equally long
  };
  /// Does nothing for a profile that is not in the list.
  void Count(std::string_view profile, const Batch& batch);

 private:
  struct Handles {
    prometheus::Counter* batches;
    prometheus::Histogram* items;
    prometheus::Histogram* tokens;
    prometheus::Histogram* padding;
  };

  PerProfile<Handles> handles_;
};

}  // namespace roberta::metrics
