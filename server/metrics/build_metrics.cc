#include "server/metrics/build_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include "version/version.h"

namespace roberta::metrics {

BuildMetrics::BuildMetrics(prometheus::Registry* registry, const Computation& computation)
    : primitives_created_(computation.primitives_created) {
  primitives_ = &AddCounters(*registry, "roberta_kernel_primitives_created_total",
                             "Primitives of matrix products made so far; constant while no profile is loaded.")
                     .Add({});
  AddGauges(*registry, "roberta_build_info", "1; the labels say what runs.")
      .Add({{"version", version::kVersion},
            {"git", version::kGitCommit},
            {"libtorch", computation.libtorch},
            {"onednn", computation.onednn},
            {"isa", computation.isa}})
      .Set(1);
}

void BuildMetrics::Refresh() {
  if (primitives_created_ == nullptr) return;
  primitives_->Increment(static_cast<double>(primitives_created_()) - primitives_->Value());
}

}  // namespace roberta::metrics
