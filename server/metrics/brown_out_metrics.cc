#include "server/metrics/brown_out_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <utility>

namespace roberta::metrics {

BrownOutMetrics::BrownOutMetrics(prometheus::Registry* registry) {
  level_ = &AddGauges(*registry, "roberta_brown_out_level",
                      "Steps below the default profile that calls which name none are answered at.")
                .Add({});
  auto& changes = AddCounters(*registry, "roberta_brown_out_changes_total", "Changes of the brown-out's level.");
  for (size_t i = 0; i < changes_.size(); ++i) changes_[i] = &changes.Add({{"reason", kLevelChangeNames[i]}});
}

void BrownOutMetrics::Observe(std::function<size_t()> level) {
  observed_ = std::move(level);
}

void BrownOutMetrics::CountChange(LevelChange change) {
  changes_[static_cast<size_t>(change)]->Increment();
}

void BrownOutMetrics::Refresh() {
  if (observed_ != nullptr) level_->Set(static_cast<double>(observed_()));
}

}  // namespace roberta::metrics
