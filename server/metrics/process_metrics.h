#pragma once

#include <cstdint>
#include <string>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// What this process uses, under the names that all Prometheus client libraries use: process_cpu_seconds_total,
/// process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds, process_max_fds,
/// process_start_time_seconds.
class ProcessMetrics {
 public:
  /// `registry` must outlive this.
  explicit ProcessMetrics(prometheus::Registry* registry);

  /// Reads the kernel's counts; a count that cannot be read keeps its value. Call before each scrape, from one thread
  /// at a time.
  void Refresh();

 private:
  prometheus::Counter* cpu_seconds_;
  prometheus::Gauge* resident_memory_;
  prometheus::Gauge* virtual_memory_;
  prometheus::Gauge* open_fds_;
  prometheus::Gauge* max_fds_;
};

/// The limit on memory that is nearest: memory_limit_bytes, memory_used_bytes, memory_unloads_total. Any thread may
/// call.
class MemoryMetrics {
 public:
  /// `registry` must outlive this.
  explicit MemoryMetrics(prometheus::Registry* registry);

  void Set(uint64_t limit_bytes, uint64_t used_bytes);
  /// A profile was unloaded because a limit was near.
  void CountUnload();

 private:
  prometheus::Gauge* limit_;
  prometheus::Gauge* used_;
  prometheus::Counter* unloads_;
};

/// The versions of the libraries that compute, and the instruction set.
struct Computation {
  std::string libtorch;
  std::string onednn;
  std::string isa;
  int64_t (*primitives_created)() = nullptr;  ///< each scrape calls it for the number made so far; nullptr: always 0
};

/// Which build runs, and what its kernels made: build_info, kernel_primitives_created_total.
class BuildMetrics {
 public:
  /// `registry` must outlive this.
  BuildMetrics(prometheus::Registry* registry, const Computation& computation);

  /// Reads the number of primitives. Call before each scrape, from one thread at a time.
  void Refresh();

 private:
  int64_t (*const primitives_created_)();
  prometheus::Counter* primitives_;
};

}  // namespace roberta::metrics
