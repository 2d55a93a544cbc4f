#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// What is known of a profile at one moment.
struct ProfileState {
  bool ready = false;
  std::optional<double> agreement_ratio;  ///< with the baseline, 0 to 1; not a number where it is not measured
  double load_seconds = 0;                ///< of the last load
};

/// How the profiles are: profile_ready, profile_agreement_ratio, profile_load_duration_seconds. Any thread may call.
class ProfileMetrics {
 public:
  /// `registry` must outlive this.
  ProfileMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// Does nothing for a profile that nobody knows.
  void Set(std::string_view profile, const ProfileState& state);

 private:
  struct Handles {
    prometheus::Gauge* ready;
    prometheus::Gauge* agreement;
    prometheus::Gauge* load_seconds;
  };
  std::map<std::string, Handles, std::less<>> handles_;
};

}  // namespace roberta::metrics
