#pragma once

#include <cstdint>
#include <string>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// What computes: the versions of the libraries, and the instruction set.
struct Computation {
  std::string libtorch;
  std::string onednn;
  std::string isa;
  int64_t (*primitives_created)() = nullptr;  ///< asked at each scrape for those made so far; nullptr: none are
};

/// What runs: build_info, kernel_primitives_created_total.
class BuildMetrics {
 public:
  /// `registry` must outlive this.
  BuildMetrics(prometheus::Registry* registry, const Computation& computation);

  /// Asks for the primitives. To be called before each scrape, by one thread at a time.
  void Refresh();

 private:
  int64_t (*const primitives_created_)();
  prometheus::Counter* primitives_;
};

}  // namespace roberta::metrics
