#include "server/metrics/profile_metrics.h"

#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <limits>

namespace roberta::metrics {

namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ProfileMetrics::ProfileMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& ready = AddGauges(*registry, "roberta_profile_ready", "1 if the profile is READY.");
  auto& agreement = AddGauges(
      *registry, "roberta_profile_agreement_ratio",
      "Share of the sample on which the profile agrees with the baseline; NaN if not measured or not loaded.");
  auto& load_seconds = AddGauges(*registry, "roberta_profile_load_duration_seconds",
                                 "Time of the profile's last load; 0 if it is not loaded.");
  for (const std::string& profile : profiles) {
    const prometheus::Labels label = {{"profile", profile}};
    handles_[profile] = {.ready = &ready.Add(label),
                         .agreement = &agreement.Add(label, kNotMeasured),
                         .load_seconds = &load_seconds.Add(label)};
  }
}

void ProfileMetrics::Set(std::string_view profile, const ProfileState& state) {
  const auto found = handles_.find(profile);
  if (found == handles_.end()) return;
  found->second.ready->Set(state.ready ? 1 : 0);
  found->second.agreement->Set(state.agreement_ratio.value_or(kNotMeasured));
  found->second.load_seconds->Set(state.load_seconds);
}

}  // namespace roberta::metrics
