#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// Why an item that was chosen to run again on a second profile was not compared.
enum class ShadowDrop {
  kLimit,     ///< too many waited already
  kDraining,  ///< the server stops
  kNotReady,  ///< the second profile was not READY
  kFailed,    ///< the second profile computed nothing of use
};

inline constexpr std::array<const char*, 4> kShadowDropNames = {"limit", "draining", "not_ready", "failed"};

/// Items that ran again on a second profile: shadow_compared_total, shadow_agreement_ratio, shadow_dropped_total. Any
/// thread may call.
class ShadowMetrics {
 public:
  /// `registry` must outlive this.
  ShadowMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// `agreed` items got the answer's label from `profile`, the second one, and `differed` another.
  void CountCompared(std::string_view profile, size_t agreed, size_t differed);
  void CountDropped(ShadowDrop reason, size_t items);

  /// Brings the ratio up to date. To be called before each scrape.
  void Refresh();

 private:
  struct Handles {
    prometheus::Counter* agreed;
    prometheus::Counter* differed;
    prometheus::Gauge* agreement;
  };

  std::map<std::string, Handles, std::less<>> handles_;  // as made
  std::array<prometheus::Counter*, kShadowDropNames.size()> dropped_;
};

}  // namespace roberta::metrics
