#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/pruner/curvature.h"

namespace roberta::pruner {

/// The order in which a part loses its heads or neurons, the least needed first.
struct RemovalOrder {
  std::vector<int32_t> units;  ///< every head, or every neuron, once
  std::vector<double> costs;   ///< what each loss adds to the expected squared change of the answer
};

/// By structured optimal brain surgery (Hassibi and Stork 1993; Kurtic et al. 2023, "ZipLM"; van der Ouderaa et al.
/// 2024): the cost of a unit is what is left of the change when the units that stay make up for it as well as they can,
/// and the next one is looked for with that repair made. So of two units that do the same one goes, not both, which
/// squared gradients alone do not see. `weight` [hidden, in] is the part's output product; a unit is `unit_size`
/// columns of it. Single columns leave in groups of up to in / 192.
RemovalOrder OrderByCurvature(const PartCurvature& curvature, const at::Tensor& weight, int64_t unit_size);

/// The columns of an output product that `units` of `unit_size` columns each own, [units * unit_size] int64.
at::Tensor ColumnsOf(absl::Span<const int32_t> units, int64_t unit_size);

/// The units of smallest importance first; costs are the importances.
RemovalOrder OrderByImportance(absl::Span<const double> importances);

/// The orders of all parts made into one: at every step the part loses a head, or a group of neurons
/// (pruned::NeuronGroup), whose loss costs least for what it saves the packed encoder.
class RemovalPath {
 public:
  /// Two orders a layer: heads, neurons. `first_token_share` is that of the tokens that are the first of their text:
  /// only of them does the packed encoder compute all of the last layer, where little is saved therefore.
  RemovalPath(absl::Span<const RemovalOrder> orders, const checkpoint::ModelConfig& config, double first_token_share);

  /// What is left when at most `keep_macs`, in (0, 1], of the encoder's multiply-accumulates are: every smaller mask is
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

}  // namespace roberta::pruner
