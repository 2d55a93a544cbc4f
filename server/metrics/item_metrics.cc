#include "server/metrics/item_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include "server/metrics/buckets.h"

namespace roberta::metrics {

PerProfile<ItemMetrics::Handles> ItemMetrics::MakeHandles(prometheus::Registry* registry,
                                                          const std::vector<std::string>& profiles) {
  auto& items = AddCounters(*registry, "roberta_items_total", "Items of Classify calls and streams, by outcome.");
  return PerProfile<Handles>(profiles, [&](const std::string& profile) {
    return Handles{.answered = &items.Add({{"profile", profile}, {"outcome", "answered"}}),
                   .failed = &items.Add({{"profile", profile}, {"outcome", "failed"}})};
  });
}

ItemMetrics::ItemMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles)
    : handles_(MakeHandles(registry, profiles)) {
  input_tokens_ =
      &AddHistograms(*registry, "roberta_input_tokens", "Tokens of the items of a Classify call that was answered.")
           .Add({}, PowersOfTwo());
  truncated_ =
      &AddCounters(*registry, "roberta_truncated_items_total", "Items that lost tokens to truncation.").Add({});
}

void ItemMetrics::Count(std::string_view profile, const Items& items) {
  const Handles& handles = handles_.Of(profile);
  handles.answered->Increment(static_cast<double>(items.answered));
  handles.failed->Increment(static_cast<double>(items.failed));
  truncated_->Increment(static_cast<double>(items.truncated));
  if (items.answered > 0) input_tokens_->Observe(static_cast<double>(items.tokens));
}

}  // namespace roberta::metrics
