#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/encoder/profile.h"
#include "profiles/pruner/curvature.h"
#include "profiles/quality/sample.h"

namespace roberta::pruner {

/// The order in which a part loses its heads or neurons, the least needed first.
struct RemovalOrder {
  std::vector<int32_t> units;  ///< every head, or every neuron, once
  std::vector<double> costs;   ///< what the removal of each adds to the expected squared change of the answer
};

/// Orders units by structured optimal brain surgery (Hassibi and Stork 1993; Kurtic et al. 2023, "ZipLM"; van der
/// Ouderaa et al. 2024): the cost of a unit is the change that remains after the other units compensate for its removal
/// as well as they can, and the next unit is chosen with that compensation in place. So of two units that do the same,
/// one goes and the other stays, which squared gradients alone cannot tell. `weight` [hidden, in] is the part's output
/// product; a unit is `unit_size` columns of it. Single columns are removed in groups of up to in / 192.
RemovalOrder OrderByCurvature(const PartCurvature& curvature, const at::Tensor& weight, int64_t unit_size);

/// The columns of an output product that belong to `units` of `unit_size` columns each, [units * unit_size] int64.
at::Tensor ColumnsOf(absl::Span<const int32_t> units, int64_t unit_size);

/// Orders units by their importance, the smallest first. The costs are the importances.
RemovalOrder OrderByImportance(absl::Span<const double> importances);

/// The orders of all parts, merged into one: each step removes the head, or the group of neurons (pruned::NeuronGroup),
/// that costs least for the time that it saves the packed encoder.
class RemovalPath {
 public:
  /// `orders` has two entries for each layer: heads, then neurons. `first_token_share` is the share of tokens that are
  /// the first of their text. The packed encoder computes the whole last layer for those alone, so that pruning saves
  /// little there.
  RemovalPath(absl::Span<const RemovalOrder> orders, const checkpoint::ModelConfig& config, double first_token_share);

  /// The mask that keeps at most `keep_macs`, in (0, 1], of the encoder's multiply-accumulates. Every smaller mask is
  /// part of every larger one.
  checkpoint::PruningMask MaskAt(double keep_macs) const;

 private:
  struct Step {
    size_t part;
    std::vector<int32_t> units;
  };
  const checkpoint::ModelConfig config_;
  std::vector<Step> steps_;
};

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
