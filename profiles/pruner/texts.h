#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/quality/sample_run.h"
#include "profiles/reference/model.h"

namespace roberta::pruner {

/// What the texts of a sample are used for, by index. No text is in two lists.
struct TextSplit {
  std::vector<size_t> fit;       ///< gradients, and least squares
  std::vector<size_t> tune;      ///< how much the least squares are held back
  std::vector<size_t> held_out;  ///< what pruning cost
};

inline constexpr size_t kFewestTexts = 16;

/// Draws texts of `lengths` tokens without putting back, the same for the same seed. `held_out` are at most
/// `most_held_out` and a quarter of all, each as likely as another, so that they stand for the data. Of the others at
/// most `most_calibration` are drawn, a text as likely as it is long (Efraimidis and Spirakis 2006): gradients and
/// least squares are sums over tokens, and a short text takes the place of a longer one but contributes little. Three
/// quarters of these are `fit`. InvalidArgument for fewer than kFewestTexts.
absl::StatusOr<TextSplit> SplitTexts(absl::Span<const size_t> lengths, size_t most_calibration, size_t most_held_out,
                                     uint64_t seed);

/// Texts that run at once.
struct TextBatch {
  std::vector<size_t> texts;  ///< by index in the sample
  reference::PaddedBatch padded;
  at::Tensor tokens;  ///< [tokens] int64: which rows of [sequences * longest] are tokens
  at::Tensor firsts;  ///< [sequences] int64: which are first tokens
};

/// Forms batches of `texts`, short ones first, so that little is padding, of at most kPaddedTokens rows (one text at
/// least). The same for the same texts.
std::vector<TextBatch> FormTextBatches(const quality::TokenizedSample& sample, absl::Span<const size_t> texts,
                                       int32_t pad_token_id);

/// As many rows as keep a core busy: what a step of the pruner holds in memory grows with it.
inline constexpr size_t kPaddedTokens = 256;

}  // namespace roberta::pruner
