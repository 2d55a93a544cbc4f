#include "server/metrics/profile_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <limits>

namespace roberta::metrics {

namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ProfileMetrics::ProfileMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& ready = AddGauges(*registry, "roberta_profile_ready", "1 if the profile is READY, otherwise 0.");
  auto& agreement = AddGauges(*registry, "roberta_profile_agreement_ratio",
                              "Share of the sample on which the profile agrees with the baseline. It is NaN if it was "
                              "not measured or the profile is not loaded.");
  auto& load_seconds = AddGauges(*registry, "roberta_profile_load_duration_seconds",
                                 "Time that the last load of the profile took. It is 0 if the profile is not loaded.");
  for (const std::string& profile : profiles) {
    const prometheus::Labels label = {{"profile", profile}};
    handles_.Add(profile, {.ready = &ready.Add(label),
                           .agreement = &agreement.Add(label, kNotMeasured),
                           .load_seconds = &load_seconds.Add(label)});
  }
}

void ProfileMetrics::Set(std::string_view profile, const ProfileState& state) {
  const Handles* handles = handles_.Find(profile);
  if (handles == nullptr) return;
  handles->ready->Set(state.ready ? 1 : 0);
  handles->agreement->Set(state.agreement_ratio.value_or(kNotMeasured));
  handles->load_seconds->Set(state.load_seconds);
}

ShadowMetrics::ShadowMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& compared = AddCounters(*registry, "roberta_shadow_compared_total",
                               "Number of items that ran again on a second profile, by whether it agreed with the "
                               "answer.");
  auto& agreement = AddGauges(*registry, "roberta_shadow_agreement_ratio",
                              "Share of the compared items on which the second profile agreed with the answer. It is "
                              "NaN if no item was compared.");
  for (const std::string& profile : profiles) {
    handles_.Add(profile, {.agreed = &compared.Add({{"profile", profile}, {"agree", "true"}}),
                           .differed = &compared.Add({{"profile", profile}, {"agree", "false"}}),
                           .agreement = &agreement.Add({{"profile", profile}}, kNotMeasured)});
  }
  auto& dropped = AddCounters(*registry, "roberta_shadow_dropped_total",
                              "Number of items that were chosen to run again on a second profile and were not "
                              "compared, by reason.");
  for (size_t i = 0; i < dropped_.size(); ++i) dropped_[i] = &dropped.Add({{"reason", kShadowDropNames[i]}});
}

void ShadowMetrics::CountCompared(std::string_view profile, size_t agreed, size_t differed) {
  const Handles* handles = handles_.Find(profile);
  if (handles == nullptr) return;
  handles->agreed->Increment(static_cast<double>(agreed));
  handles->differed->Increment(static_cast<double>(differed));
}

void ShadowMetrics::CountDropped(ShadowDrop reason, size_t items) {
  dropped_[static_cast<size_t>(reason)]->Increment(static_cast<double>(items));
}

void ShadowMetrics::Refresh() {
  for (const Handles* handles : handles_.in_order()) {
    const double agreed = handles->agreed->Value(), compared = agreed + handles->differed->Value();
    if (compared > 0) handles->agreement->Set(agreed / compared);
  }
}

}  // namespace roberta::metrics
