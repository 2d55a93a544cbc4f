#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/sample_run.h"

namespace roberta::pruner {

/// Measures how much faster the packed encoder (fp32, one thread) runs a narrow model than the dense one on this host.
/// Threads: one at a time.
class SpeedGauge {
 public:
  /// The batches are made of the first of the `texts`, which are indices into `sample`. `checkpoint` must outlive the
  /// gauge. Errors are those of encoder::LoadPackedClassifier.
  static absl::StatusOr<std::unique_ptr<SpeedGauge>> Make(const checkpoint::Checkpoint& checkpoint,
                                                          const quality::TokenizedSample& sample,
                                                          absl::Span<const size_t> texts);

  /// The time of the dense model divided by that of the model with `mask`: the median over rounds, in each of which
  /// both run the same batch, one right after the other.
  absl::StatusOr<double> SpeedupOf(const checkpoint::PruningMask& mask);

 private:
  explicit SpeedGauge(const checkpoint::Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  const checkpoint::Checkpoint& checkpoint_;
  std::unique_ptr<const encoder::TimedProfile> dense_;
  quality::TokenizedSample sample_;
  std::vector<quality::SampleBatch> batches_;
};

}  // namespace roberta::pruner
