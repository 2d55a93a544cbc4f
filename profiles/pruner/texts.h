#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/quality/sample_run.h"
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

}  // namespace roberta::pruner
