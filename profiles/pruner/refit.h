#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/pruner/curvature.h"
#include "profiles/pruner/texts.h"
#include "profiles/quality/sample_run.h"
#include "profiles/reference/model.h"

namespace roberta::pruner {

/// `weights` without what `mask` leaves out; tensors that lose nothing are shared.
reference::Weights Narrow(const reference::Weights& weights, const checkpoint::PruningMask& mask,
                          const checkpoint::ModelConfig& config);

/// Texts in batches, by what they are for.
struct RefitTexts {
  std::vector<TextBatch> fit, tune, held_out;
};

/// What the new values of a part will be stored as.
struct StoredAs {
  at::ScalarType weight = at::kFloat, bias = at::kFloat;
};

/// What came of a part.
struct PartFit {
  double ridge = 0;         ///< 0: left as it was
  double error_before = 0;  ///< of the tuning texts: |residual|² / |target|²
  double error_after = 0;
};

struct Refitted {
  reference::Weights weights;  ///< narrow
  std::vector<PartFit> parts;  ///< two a layer
  bool helped = false;         ///< false: the answers were better without, and `weights` are as Narrow gives them
  std::vector<float> dense_logits, logits;  ///< of the held-out texts, in the order of the batches [texts, labels]
};

/// Gives the output products of both parts of every layer new weights and biases, so that the narrow model's residual
/// stream follows the dense one's as closely as it can: from the first layer to the last, least squares on what the
/// narrow model, with all before it refitted, has there as inputs, towards what the dense model has there as a sum (so
/// that each part also makes up for those before it; Park et al. 2024). In the last layer only first tokens count, as
/// the head reads no others. The old weights are what it is drawn to (ridge regression), by as much as does best on
/// `tune`, from a grid; a part that does not gain there stays as it was, and so does the model if its answers on `tune`
/// are no closer to the dense ones. New values are rounded to what `stored_as`, one of each part, can hold, so that
/// what is measured is what will be saved. The result does not depend on the number of threads. Errors: Internal with
/// LibTorch's message.
absl::StatusOr<Refitted> Refit(const reference::Weights& dense, const checkpoint::ModelConfig& config,
                               const checkpoint::PruningMask& mask, const RefitTexts& texts,
                               absl::Span<const StoredAs> stored_as, const quality::RunAll& run_all,
                               const OnProgress& on_progress);

/// The narrow model as it is, with the logits of the held-out texts.
absl::StatusOr<Refitted> WithoutRefit(const reference::Weights& dense, const checkpoint::ModelConfig& config,
                                      const checkpoint::PruningMask& mask, const std::vector<TextBatch>& held_out,
                                      const quality::RunAll& run_all, const OnProgress& on_progress);

}  // namespace roberta::pruner
