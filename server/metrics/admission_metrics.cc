#include "server/metrics/admission_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <cmath>

#include "server/metrics/buckets.h"

namespace roberta::metrics {

namespace {

std::string RequestedOf(SelectionReason reason, const std::string& used) {
  switch (reason) {
    case SelectionReason::kRequest:
    case SelectionReason::kMetadata:
      return used;
    case SelectionReason::kAutoMostAccurate:
    case SelectionReason::kAutoFastest:
      return "auto";
    case SelectionReason::kDefault:
    case SelectionReason::kBrownOut:
      break;
  }
  return kNoProfile;
}

}  // namespace

PerProfile<AdmissionMetrics::Handles> AdmissionMetrics::MakeHandles(prometheus::Registry* registry,
                                                                    const std::vector<std::string>& profiles) {
  auto& selected = AddCounters(*registry, "roberta_profile_selected_total",
                               "Classify calls that were admitted, by the profile asked for, the one used, and why.");
  auto& error = AddHistograms(*registry, "roberta_wait_prediction_error_seconds",
                              "Difference, either way, between the predicted and the true time until a call had run.");
  auto& bias = AddGauges(*registry, "roberta_wait_prediction_bias_seconds",
                         "Mean of late of how much later calls had run than predicted; negative if earlier.");
  return PerProfile<Handles>(profiles, [&](const std::string& profile) {
    Handles handles;
    handles.error = &error.Add({{"profile", profile}}, LatencySeconds());
    handles.bias = &bias.Add({{"profile", profile}});
    if (profile == kNoProfile) return handles;
    for (size_t reason = 0; reason < kSelectionReasons; ++reason) {
      handles.selected[reason] =
          &selected.Add({{"requested", RequestedOf(static_cast<SelectionReason>(reason), profile)},
                         {"used", profile},
                         {"reason", kSelectionReasonNames[reason]}});
    }
    return handles;
  });
}

AdmissionMetrics::AdmissionMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles)
    : handles_(MakeHandles(registry, profiles)) {
  load_ratio_ = &AddGauges(*registry, "roberta_load_ratio",
                           "Work of the calls that arrived in the last 10 seconds, refused ones included, over what "
                           "the executors can do in that time.")
                     .Add({});
}

void AdmissionMetrics::Selected(std::string_view used, SelectionReason reason) {
  prometheus::Counter* counter = handles_.Of(used).selected[static_cast<size_t>(reason)];
  if (counter != nullptr) counter->Increment();
}

void AdmissionMetrics::Predicted(std::string_view profile, double error_seconds, double bias_seconds) {
  const Handles& handles = handles_.Of(profile);
  handles.error->Observe(std::abs(error_seconds));
  handles.bias->Set(bias_seconds);
}

void AdmissionMetrics::Refresh() {
  if (ask_load_ratio_ != nullptr) load_ratio_->Set(ask_load_ratio_());
}

}  // namespace roberta::metrics
