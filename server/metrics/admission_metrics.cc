#include "server/metrics/admission_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <cmath>

namespace roberta::metrics {

namespace {

/// What a call asks for that is given `used` for `reason`.
std::string RequestedProfile(SelectionReason reason, const std::string& used) {
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

AdmissionMetrics::AdmissionMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& selected =
      AddCounters(*registry, "roberta_profile_selected_total",
                  "Number of admitted Classify calls, by the profile requested, the profile used, and the reason.");
  auto& error = AddHistograms(*registry, "roberta_wait_prediction_error_seconds",
                              "Absolute difference between the predicted and the actual time until a call has run.");
  auto& bias = AddGauges(*registry, "roberta_wait_prediction_bias_seconds",
                         "Mean over recent calls of the actual minus the predicted time until a call has run.");
  for (const std::string& profile : profiles) {
    Handles handles = {.selected = {},
                       .error = &error.Add({{"profile", profile}}, PredictionErrorSeconds()),
                       .bias = &bias.Add({{"profile", profile}})};
    for (size_t reason = 0; reason < kSelectionReasons; ++reason) {
      handles.selected[reason] =
          &selected.Add({{"requested", RequestedProfile(static_cast<SelectionReason>(reason), profile)},
                         {"used", profile},
                         {"reason", kSelectionReasonNames[reason]}});
    }
    handles_.Add(profile, handles);
  }
  load_ratio_ = AddGauge(*registry, "roberta_load_ratio",
                         "Work of the calls that arrived in the last 10 seconds, including refused calls, divided by "
                         "the work that the executors can do in that time.");
}

void AdmissionMetrics::Selected(std::string_view used, SelectionReason reason) {
  const Handles* handles = handles_.Find(used);
  if (handles != nullptr) handles->selected[static_cast<size_t>(reason)]->Increment();
}

void AdmissionMetrics::Predicted(std::string_view profile, double error_seconds, double bias_seconds) {
  const Handles* handles = handles_.Find(profile);
  if (handles == nullptr) return;
  handles->error->Observe(std::abs(error_seconds));
  handles->bias->Set(bias_seconds);
}

void AdmissionMetrics::Refresh() {
  if (observed_ != nullptr) load_ratio_->Set(observed_());
}

BrownOutMetrics::BrownOutMetrics(prometheus::Registry* registry) {
  level_ = AddGauge(*registry, "roberta_brown_out_level",
                    "Number of steps below the default profile at which calls that name no profile are answered.");
  auto& changes = AddCounters(*registry, "roberta_brown_out_changes_total",
                              "Number of times that the level of the brown-out changed, by reason.");
  for (size_t i = 0; i < changes_.size(); ++i) changes_[i] = &changes.Add({{"reason", kLevelChangeNames[i]}});
}

void BrownOutMetrics::CountChange(LevelChange change) {
  changes_[static_cast<size_t>(change)]->Increment();
}

void BrownOutMetrics::Refresh() {
  if (observed_ != nullptr) level_->Set(static_cast<double>(observed_()));
}

}  // namespace roberta::metrics
