#include "server/metrics/load_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace roberta::metrics {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

/// What a call asks for that is given `used` for `reason`.
std::string RequestedProfile(SelectionReason reason, const std::string& used) {
  using enum SelectionReason;
  if (reason == kRequest || reason == kMetadata) return used;
  return reason == kDefault || reason == kBrownOut ? kNoProfile : "auto";
}

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

QueueMetrics::QueueMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& items = AddGauges(*registry, "roberta_queue_items", "Number of items that wait for an executor.");
  auto& tokens = AddGauges(*registry, "roberta_queue_tokens",
                           "Number of tokens that wait for an executor, without those of shadow traffic.");
  for (const std::string& profile : WithNone(profiles)) {
    Handles handles;
    for (size_t p = 0; p < call::kPriorities; ++p) {
      handles.items[p] = &items.Add({{"profile", profile}, {"priority", call::kPriorityNames[p]}});
    }
    handles.tokens = &tokens.Add({{"profile", profile}});
    handles_.Add(profile, handles);
  }
  oldest_age_ = AddGauge(*registry, "roberta_queue_oldest_age_seconds",
                         "Time that the oldest call in the queue has waited. It is 0 if only shadow traffic waits.");
  capacity_ = AddGauge(*registry, "roberta_queue_capacity_items", "Number of items that may wait for an executor.");
}

void QueueMetrics::SetCapacity(size_t items) {
  capacity_->Set(static_cast<double>(items));
}

void QueueMetrics::Set(const QueueState& state) {
  const auto& in_order = handles_.in_order();
  for (size_t i = 0; i < std::min(state.items.size(), in_order.size()); ++i) {
    for (size_t p = 0; p < call::kPriorities; ++p) in_order[i]->items[p]->Set(static_cast<double>(state.items[i][p]));
    in_order[i]->tokens->Set(static_cast<double>(state.tokens[i]));
  }
  oldest_age_->Set(state.oldest_age_seconds);
}

BatchMetrics::BatchMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& batches = AddCounters(*registry, "roberta_batches_total", "Number of batches that ran.");
  auto& items = AddHistograms(*registry, "roberta_batch_items", "Number of items in a batch.");
  auto& tokens = AddHistograms(*registry, "roberta_batch_tokens", "Number of tokens in a batch, without padding.");
  auto& padding = AddHistograms(*registry, "roberta_batch_padding_ratio",
                                "Share of padding among the tokens that a batch computes.");
  for (const std::string& profile : profiles) {
    const prometheus::Labels label = {{"profile", profile}};
    handles_.Add(profile, {.batches = &batches.Add(label),
                           .items = &items.Add(label, PowersOfTwo(1, 256)),
                           .tokens = &tokens.Add(label, PowersOfTwo(16, 4096)),
                           .padding = &padding.Add(label, Ratios())});
  }
}

void BatchMetrics::Count(std::string_view profile, const Batch& batch) {
  const Handles* handles = handles_.Find(profile);
  if (handles == nullptr) return;
  const size_t computed = batch.tokens + batch.padded_tokens;
  const double padding = computed == 0 ? 0 : static_cast<double>(batch.padded_tokens) / static_cast<double>(computed);
  handles->batches->Increment();
  handles->items->Observe(static_cast<double>(batch.items));
  handles->tokens->Observe(static_cast<double>(batch.tokens));
  handles->padding->Observe(padding);
}

uint64_t BatchMetrics::Counted(std::string_view profile) const {
  const Handles* handles = handles_.Find(profile);
  return handles == nullptr ? 0 : static_cast<uint64_t>(handles->batches->Value());
}

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
  parked_refusals_ =
      AddGauge(*registry, "roberta_parked_refusals", "Number of refused calls that wait before they hear of it.");
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

void AdmissionMetrics::SetLoadRatio(double ratio) {
  load_ratio_->Set(ratio);
}

void AdmissionMetrics::SetParkedRefusals(size_t waiting) {
  parked_refusals_->Set(static_cast<double>(waiting));
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

void BrownOutMetrics::SetLevel(size_t level) {
  level_->Set(static_cast<double>(level));
}

}  // namespace roberta::metrics
