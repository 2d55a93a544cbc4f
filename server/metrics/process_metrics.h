#pragma once

#include "server/metrics/families.h"

namespace roberta::metrics {

/// What this process uses, as every Prometheus client library names it: process_cpu_seconds_total,
/// process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds, process_max_fds,
/// process_start_time_seconds.
class ProcessMetrics {
 public:
  /// `registry` must outlive this.
  explicit ProcessMetrics(prometheus::Registry* registry);

  /// Asks the kernel. What it does not tell keeps its value. To be called before each scrape, by one thread at a time.
  void Refresh();

 private:
  prometheus::Counter* cpu_seconds_;
  prometheus::Gauge* resident_memory_;
  prometheus::Gauge* virtual_memory_;
  prometheus::Gauge* open_fds_;
  prometheus::Gauge* max_fds_;
};

}  // namespace roberta::metrics
