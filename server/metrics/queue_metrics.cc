#include "server/metrics/queue_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <utility>

namespace roberta::metrics {

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

void QueueMetrics::Observe(size_t capacity_items, std::function<QueueState()> state) {
  capacity_->Set(static_cast<double>(capacity_items));
  state_ = std::move(state);
}

void QueueMetrics::Refresh() {
  if (state_ == nullptr) return;
  const QueueState state = state_();
  const auto& in_order = handles_.in_order();
  for (size_t i = 0; i < std::min(state.profiles.size(), in_order.size()); ++i) {
    for (size_t p = 0; p < call::kPriorities; ++p) {
      in_order[i]->items[p]->Set(static_cast<double>(state.profiles[i].items[p]));
    }
    in_order[i]->tokens->Set(static_cast<double>(state.profiles[i].tokens));
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

}  // namespace roberta::metrics
