#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace roberta::encoder {

/// The tokens of all sequences one after another, without padding. A view: the caller owns the memory, which must live
/// until Run returns.
struct PackedBatch {
  absl::Span<const int32_t> token_ids;  ///< [tokens]
  /// [sequences + 1]; sequence i is token_ids[cu_seqlens[i] .. cu_seqlens[i + 1])
  absl::Span<const int32_t> cu_seqlens;
  /// 0: each sequence is computed as long as it is. Else as if `<pad>` filled it up to so many tokens, at the cost that
  /// they have; results are those without them. For comparison with loaders that pad; `reference` pads in its own way.
  size_t padded_length = 0;

  size_t sequences() const { return cu_seqlens.empty() ? 0 : cu_seqlens.size() - 1; }
  size_t tokens() const { return token_ids.size(); }

  /// Tokens that `count` sequences from `first` on are computed with, pads included.
  size_t computed_tokens(size_t first, size_t count) const;
  /// The tokens of sequence `index`, which must be less than sequences().
  absl::Span<const int32_t> sequence(size_t index) const;
};

/// Checks that cu_seqlens starts at 0, rises strictly and ends at tokens(), that no sequence is longer than
/// `max_tokens` or, if that is given, padded_length, that this is no more than `max_tokens`, and that every id is in
/// [0, vocab_size). InvalidArgument names the first sequence and value that is wrong.
absl::Status ValidateBatch(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens);

/// ValidateBatch, and that there is room for exactly `labels` logits of every sequence: what a Profile checks before it
/// runs.
absl::Status ValidateRun(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens, size_t labels,
                         size_t logits);

/// Position of every token of one sequence, as Hugging Face derives it from the ids alone: tokens count from
/// pad_token_id + 1; a token that is `<pad>` itself (written out in a text) sits at pad_token_id and is not counted.
/// `positions` has token_ids.size() elements, owned by the caller.
void PositionIds(absl::Span<const int32_t> token_ids, int32_t pad_token_id, absl::Span<int32_t> positions);

}  // namespace roberta::encoder
