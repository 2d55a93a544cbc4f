#include "server/metrics/batch_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include "server/metrics/buckets.h"

namespace roberta::metrics {

PerProfile<BatchMetrics::Handles> BatchMetrics::MakeHandles(prometheus::Registry* registry,
                                                            const std::vector<std::string>& profiles) {
  auto& batches = AddCounters(*registry, "roberta_batches_total", "Batches run.");
  auto& items = AddHistograms(*registry, "roberta_batch_items", "Items in a batch.");
  auto& tokens = AddHistograms(*registry, "roberta_batch_tokens", "Tokens of the items in a batch.");
  auto& padding = AddHistograms(*registry, "roberta_batch_padding_ratio",
                                "Share of padding among the tokens that a batch computes.");
  return PerProfile<Handles>(profiles, [&](const std::string& profile) {
    const prometheus::Labels label = {{"profile", profile}};
    return Handles{.batches = &batches.Add(label),
                   .items = &items.Add(label, PowersOfTwo()),
                   .tokens = &tokens.Add(label, PowersOfTwo()),
                   .padding = &padding.Add(label, Ratios())};
  });
}

BatchMetrics::BatchMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles)
    : handles_(MakeHandles(registry, profiles)) {}

void BatchMetrics::Count(std::string_view profile, const Batch& batch) {
  const Handles& handles = handles_.Of(profile);
  const size_t computed = batch.tokens + batch.padded_tokens;
  handles.batches->Increment();
  handles.items->Observe(static_cast<double>(batch.items));
  handles.tokens->Observe(static_cast<double>(batch.tokens));
  handles.padding->Observe(computed == 0 ? 0
                                         : static_cast<double>(batch.padded_tokens) / static_cast<double>(computed));
}

}  // namespace roberta::metrics
