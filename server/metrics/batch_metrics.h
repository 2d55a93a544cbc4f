#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"
#include "server/metrics/per_profile.h"

namespace roberta::metrics {

/// The batches that executors ran: batches_total, batch_items, batch_tokens, batch_padding_ratio. Any thread may call.
class BatchMetrics {
 public:
  /// `registry` must outlive this.
  BatchMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  struct Batch {
    size_t items = 0;
    size_t tokens = 0;         ///< of the items
    size_t padded_tokens = 0;  ///< computed besides, only to make the items equally long
  };
  void Count(std::string_view profile, const Batch& batch);

 private:
  struct Handles {
    prometheus::Counter* batches;
    prometheus::Histogram* items;
    prometheus::Histogram* tokens;
    prometheus::Histogram* padding;
  };
  static PerProfile<Handles> MakeHandles(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  const PerProfile<Handles> handles_;
};

}  // namespace roberta::metrics
