#include "server/metrics/shadow_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <limits>

namespace roberta::metrics {

ShadowMetrics::ShadowMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& compared = AddCounters(*registry, "roberta_shadow_compared_total",
                               "Items that ran again on a second profile, by whether it agreed with the answer.");
  auto& agreement = AddGauges(*registry, "roberta_shadow_agreement_ratio",
                              "Share of the items on which the second profile agreed; NaN if none was compared.");
  for (const std::string& profile : profiles) {
    handles_[profile] = {.agreed = &compared.Add({{"profile", profile}, {"agree", "true"}}),
                         .differed = &compared.Add({{"profile", profile}, {"agree", "false"}}),
                         .agreement = &agreement.Add({{"profile", profile}}, std::numeric_limits<double>::quiet_NaN())};
  }
  auto& dropped = AddCounters(*registry, "roberta_shadow_dropped_total",
                              "Items that were chosen to run again on a second profile and were not compared.");
  for (size_t i = 0; i < dropped_.size(); ++i) dropped_[i] = &dropped.Add({{"reason", kShadowDropNames[i]}});
}

void ShadowMetrics::CountCompared(std::string_view profile, size_t agreed, size_t differed) {
  const auto found = handles_.find(profile);
  if (found == handles_.end()) return;
  found->second.agreed->Increment(static_cast<double>(agreed));
  found->second.differed->Increment(static_cast<double>(differed));
}

void ShadowMetrics::CountDropped(ShadowDrop reason, size_t items) {
  dropped_[static_cast<size_t>(reason)]->Increment(static_cast<double>(items));
}

void ShadowMetrics::Refresh() {
  for (const auto& [profile, handles] : handles_) {
    const double agreed = handles.agreed->Value(), compared = agreed + handles.differed->Value();
    if (compared > 0) handles.agreement->Set(agreed / compared);
  }
}

}  // namespace roberta::metrics
