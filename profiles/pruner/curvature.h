#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/config.h"
#include "profiles/quality/sample.h"
#include "profiles/reference/model.h"

namespace roberta::pruner {

/// How the texts of a sample are used, by index. No text is in two lists.
struct TextSplit {
  std::vector<size_t> fit;       ///< for gradients and least squares
  std::vector<size_t> tune;      ///< for choosing how strongly the least squares are regularized
  std::vector<size_t> held_out;  ///< for measuring what pruning costs
};

inline constexpr size_t kFewestTexts = 16;

/// Draws texts of `lengths` tokens without replacement; the same seed gives the same texts. At most `most_held_out`,
/// and at most a quarter of all, are held out. They are drawn with equal probability, so that they represent the data.
/// At most `most_calibration` of the others are drawn with a probability proportional to their length (Efraimidis and
/// Spirakis 2006): gradients and least squares are sums over tokens, to which a short text adds little. Three quarters
/// of these are `fit`. InvalidArgument for fewer than kFewestTexts.
absl::StatusOr<TextSplit> SplitTexts(absl::Span<const size_t> lengths, size_t most_calibration, size_t most_held_out,
                                     uint64_t seed);

/// Texts that run at once.
struct TextBatch {
  std::vector<size_t> texts;  ///< by index in the sample
  reference::PaddedBatch padded;
  at::Tensor tokens;  ///< [tokens] int64: the rows of [sequences * longest] that are tokens
  at::Tensor firsts;  ///< [sequences] int64: the rows that are first tokens
};

/// Forms batches of `texts` with at most kPaddedTokens rows, or a single text if that is longer. Short texts come
/// first, so that there is little padding. The same texts give the same batches.
std::vector<TextBatch> FormTextBatches(const quality::TokenizedSample& sample, absl::Span<const size_t> texts,
                                       int32_t pad_token_id);

/// Enough rows to keep a core busy. The memory that a step of the pruner needs grows with it.
inline constexpr size_t kPaddedTokens = 256;

/// Reports the progress of a step: `done` of `total`, starting at 1.
using OnProgress = std::function<void(size_t done, size_t total)>;

/// A layer has two parts: attention, which consists of heads, and the feed-forward part, which consists of neurons.
/// Layer i has the parts 2 i and 2 i + 1. Each part ends in a product of its inputs (the context of all heads, or the
/// activated neurons) with an output weight [hidden, in]. A part's curvature says how much the answer depends on it.
struct PartCurvature {
  /// [in, in]: the sum over tokens of |g|² a aᵀ, averaged over texts, where a is the product's input and g is the
  /// gradient of the answer with respect to the sum of the product and the residual.
  at::Tensor inputs;
  at::Tensor outputs;  ///< [hidden, hidden]: the sum over tokens of g gᵀ, divided by the sum of |g|²
};

/// Measures how the model's answers depend on the outputs of its parts: squared gradients, factored into one matrix for
/// a part's inputs and one for its outputs (K-FAC: Martens and Grosse 2015; each token is weighted by its gradient).
/// The answer to a text is its logits' component along a random direction, which `seed` determines; for a model that
/// picks one of several labels, it is a direction that changes logits relative to each other. No labels are needed, and
/// confident answers count as much as uncertain ones. Errors: Internal with LibTorch's message.
absl::StatusOr<std::vector<PartCurvature>> MeasureCurvature(const reference::Weights& weights,
                                                            const checkpoint::ModelConfig& config,
                                                            const std::vector<TextBatch>& batches, uint64_t seed,
                                                            const quality::RunAll& run_all,
                                                            const OnProgress& on_progress);

/// For each part, the squared gradient of the same answer with respect to a factor in front of each head or neuron,
/// averaged over texts, [heads] or [neurons]: the diagonal of the Fisher information (Michel et al. 2019; Kwon et al.
/// 2022).
absl::StatusOr<std::vector<std::vector<double>>> MeasureFisher(const reference::Weights& weights,
                                                               const checkpoint::ModelConfig& config,
                                                               const std::vector<TextBatch>& batches, uint64_t seed,
                                                               const quality::RunAll& run_all,
                                                               const OnProgress& on_progress);

}  // namespace roberta::pruner
