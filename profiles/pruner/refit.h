#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/checkpoint/pruning.h"
#include "profiles/pruner/curvature.h"
#include "profiles/quality/sample.h"
#include "profiles/reference/model.h"

namespace roberta::pruner {

/// `weights` without the heads and neurons that `mask` leaves out. Tensors that lose nothing are shared.
reference::Weights Narrow(const reference::Weights& weights, const checkpoint::PruningMask& mask,
                          const checkpoint::ModelConfig& config);

/// Texts in batches, by their purpose (see TextSplit).
struct RefitTexts {
  std::vector<TextBatch> fit, tune, held_out;
};

/// The types in which the new values of a part will be stored.
struct StoredAs {
  at::ScalarType weight = at::kFloat, bias = at::kFloat;
};

/// The result for one part.
struct PartFit {
  double ridge = 0;         ///< 0: the part was not changed
  double error_before = 0;  ///< on the tuning texts: |residual|² / |target|²
  double error_after = 0;
};

struct Refitted {
  reference::Weights weights;  ///< narrow
  std::vector<PartFit> parts;  ///< two a layer
  bool helped = false;         ///< false: the answers were better without the refit, and `weights` are those of Narrow
  std::vector<float> dense_logits, logits;  ///< for the held-out texts, in the order of the batches, [texts, labels]
};

/// Gives the output products of both parts of every layer new weights and biases, so that the narrow model's residual
/// stream follows the dense model's as closely as possible. It fits the parts by least squares, from the first layer to
/// the last: the inputs are those of the narrow model, in which all parts before are already refitted, and the targets
/// are the sums of the dense model, so that each part also compensates for those before it (Park et al. 2024). In the
/// last layer only first tokens count, because the head reads no others. The fit is regularized towards the old weights
/// (ridge regression); of a grid of strengths the one with the smallest error on `tune` is used. A part whose error
/// there does not decrease keeps its weights, and so does the whole model if its answers to `tune` get no closer to the
/// dense model's. New values are rounded to the type in `stored_as`, which has an entry for each part, as they will be
/// saved. The result does not depend on the number of threads. Errors: Internal with LibTorch's message.
absl::StatusOr<Refitted> Refit(const reference::Weights& dense, const checkpoint::ModelConfig& config,
                               const checkpoint::PruningMask& mask, const RefitTexts& texts,
                               absl::Span<const StoredAs> stored_as, const quality::RunAll& run_all,
                               const OnProgress& on_progress);

/// The narrow model without new weights, with the logits for the held-out texts.
absl::StatusOr<Refitted> WithoutRefit(const reference::Weights& dense, const checkpoint::ModelConfig& config,
                                      const checkpoint::PruningMask& mask, const std::vector<TextBatch>& held_out,
                                      const quality::RunAll& run_all, const OnProgress& on_progress);

}  // namespace roberta::pruner
