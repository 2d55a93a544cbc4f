#include "server/metrics/queue_metrics.h"

#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <utility>

namespace roberta::metrics {

PerProfile<QueueMetrics::Handles> QueueMetrics::MakeHandles(prometheus::Registry* registry,
                                                            const std::vector<std::string>& profiles) {
  auto& items = AddGauges(*registry, "roberta_queue_items", "Items that wait for an executor.");
  auto& tokens = AddGauges(*registry, "roberta_queue_tokens",
                           "Tokens of the items that wait for an executor, without those of shadow traffic.");
  return PerProfile<Handles>(profiles, [&](const std::string& profile) {
    Handles handles;
    for (size_t p = 0; p < kPriorities; ++p) {
      handles.items[p] = &items.Add({{"profile", profile}, {"priority", kPriorityNames[p]}});
    }
    handles.tokens = &tokens.Add({{"profile", profile}});
    return handles;
  });
}

QueueMetrics::QueueMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles)
    : handles_(MakeHandles(registry, profiles)) {
  oldest_age_ = &AddGauges(*registry, "roberta_queue_oldest_age_seconds",
                           "Time that the oldest call in the queue has waited; 0 if none waits but shadow traffic.")
                     .Add({});
  capacity_ = &AddGauges(*registry, "roberta_queue_capacity_items", "Items that may wait for an executor.").Add({});
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
    for (size_t p = 0; p < kPriorities; ++p) {
      in_order[i]->items[p]->Set(static_cast<double>(state.profiles[i].items[p]));
    }
    in_order[i]->tokens->Set(static_cast<double>(state.profiles[i].tokens));
  }
  oldest_age_->Set(state.oldest_age_seconds);
}

}  // namespace roberta::metrics
