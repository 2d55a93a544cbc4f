#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/pruner/texts.h"
#include "profiles/quality/sample_run.h"
#include "profiles/reference/model.h"

namespace roberta::pruner {

/// Called with the progress of a step: `done` of `total`, from 1 on.
using OnProgress = std::function<void(size_t done, size_t total)>;

/// A layer is two parts: attention, made of heads, and the feed-forward part, made of neurons. Part 2 i and 2 i + 1 are
/// those of layer i. Both end in a product of their inputs (the context of all heads; the neurons after GELU) with an
/// output weight [hidden, in].
struct PartCurvature {
  /// [in, in]: the sum over tokens of |g|² a aᵀ, mean over texts, where a are the product's inputs and g is the
  /// gradient of the answer by what the product adds up to.
  at::Tensor inputs;
  at::Tensor outputs;  ///< [hidden, hidden]: the sum over tokens of g gᵀ, divided by that of |g|²
};

/// How the model's answers depend on the outputs of its parts: squared gradients, factored into one matrix for a part's
/// inputs and one for its outputs (K-FAC: Martens and Grosse 2015; with the token's gradient as its weight). The answer
/// is a random direction of the logits for each text, drawn by `seed`: for a model that picks one of several labels
/// among the directions that move labels against each other. So no label is needed, and sure answers count as much as
/// doubtful ones. Errors: Internal with LibTorch's message.
absl::StatusOr<std::vector<PartCurvature>> MeasureCurvature(const reference::Weights& weights,
                                                            const checkpoint::ModelConfig& config,
                                                            const std::vector<TextBatch>& batches, uint64_t seed,
                                                            const quality::RunAll& run_all,
                                                            const OnProgress& on_progress);

/// For each part the mean over texts of the squared gradient of the same answer by a factor in front of each of its
/// heads or neurons, [heads] or [neurons]: the diagonal of the Fisher information (Michel et al. 2019; Kwon et al.
/// 2022).
absl::StatusOr<std::vector<std::vector<double>>> MeasureFisher(const reference::Weights& weights,
                                                               const checkpoint::ModelConfig& config,
                                                               const std::vector<TextBatch>& batches, uint64_t seed,
                                                               const quality::RunAll& run_all,
                                                               const OnProgress& on_progress);

}  // namespace roberta::pruner
