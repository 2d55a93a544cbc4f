#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// The state of a profile at one moment.
struct ProfileState {
  bool ready = false;
  std::optional<double> agreement_ratio;  ///< with the baseline, 0 to 1; NaN or absent if it was not measured
  double load_seconds = 0;                ///< of the last load
};

/// The states of the profiles: profile_ready, profile_agreement_ratio, profile_load_duration_seconds. Any thread may
/// call.
class ProfileMetrics {
 public:
  /// `registry` must outlive this.
  ProfileMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// Does nothing for a profile that is not in the list.
  void Set(std::string_view profile, const ProfileState& state);

 private:
  struct Handles {
    prometheus::Gauge* ready;
    prometheus::Gauge* agreement;
    prometheus::Gauge* load_seconds;
  };

  PerProfile<Handles> handles_;
};

/// Why an item that was chosen to run again on a second profile was not compared.
enum class ShadowDrop {
  kLimit,     ///< too many waited already
  kDraining,  ///< the server stops
  kNotReady,  ///< the second profile was not READY
  kFailed,    ///< the second profile failed on it
};

inline constexpr std::array<const char*, 4> kShadowDropNames = {"limit", "draining", "not_ready", "failed"};

/// Items that ran again on a second profile: shadow_compared_total, shadow_agreement_ratio, shadow_dropped_total. Any
/// thread may call.
class ShadowMetrics {
 public:
  /// `registry` must outlive this.
  ShadowMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// `profile`, the second one, gave `agreed` items the same label as the answer, and `differed` items another label.
  /// Does nothing for a profile that is not in the list.
  void CountCompared(std::string_view profile, size_t agreed, size_t differed);
  void CountDropped(ShadowDrop reason, size_t items);

  /// Brings the ratio up to date. Call before each scrape.
  void Refresh();

 private:
  struct Handles {
    prometheus::Counter* agreed;
    prometheus::Counter* differed;
    prometheus::Gauge* agreement;
  };

  PerProfile<Handles> handles_;
  std::array<prometheus::Counter*, kShadowDropNames.size()> dropped_;
};

}  // namespace roberta::metrics
