#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"
#include "server/metrics/per_profile.h"

namespace roberta::metrics {

/// What becomes of the items of Classify calls: items_total, input_tokens, truncated_items_total. Any thread may call.
class ItemMetrics {
 public:
  /// `registry` must outlive this.
  ItemMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// The items of one call.
  struct Items {
    size_t answered = 0;
    size_t failed = 0;
    size_t truncated = 0;
    size_t tokens = 0;
  };
  void Count(std::string_view profile, const Items& items);

 private:
  struct Handles {
    prometheus::Counter* answered;
    prometheus::Counter* failed;
  };
  static PerProfile<Handles> MakeHandles(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  const PerProfile<Handles> handles_;
  prometheus::Histogram* input_tokens_;
  prometheus::Counter* truncated_;
};

}  // namespace roberta::metrics
