#include "profiles/encoder/profile.h"

#include "profiles/errors/errors.h"

namespace roberta::encoder {

size_t PackedBatch::computed_tokens(size_t first, size_t count) const {
  if (padded_length > 0) return count * padded_length;
  return static_cast<size_t>(cu_seqlens[first + count] - cu_seqlens[first]);
}

absl::Span<const int32_t> PackedBatch::sequence(size_t index) const {
  const auto begin = static_cast<size_t>(cu_seqlens[index]);
  return token_ids.subspan(begin, static_cast<size_t>(cu_seqlens[index + 1]) - begin);
}

namespace {

absl::Status ValidateIds(absl::Span<const int32_t> ids, size_t sequence, int64_t vocab_size) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= vocab_size) {
      return errors::InvalidArgument("sequence ", sequence, ", token ", i, ": id ", ids[i],
                                     " is outside of the vocabulary of ", vocab_size);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateBatch(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens) {
  if (batch.sequences() == 0) return absl::InvalidArgumentError("the batch has no sequences");
  if (batch.cu_seqlens.front() != 0) {
    return errors::InvalidArgument("cu_seqlens starts at ", batch.cu_seqlens.front(), ", not at 0");
  }
  const auto end = static_cast<int64_t>(batch.tokens());
  if (batch.cu_seqlens.back() != end) {
    return errors::InvalidArgument("cu_seqlens ends at ", batch.cu_seqlens.back(), ", but the batch has ", end,
                                   " tokens");
  }
  if (batch.padded_length > static_cast<size_t>(max_tokens)) {
    return errors::InvalidArgument("sequences are to be padded to ", batch.padded_length, " tokens, but no more than ",
                                   max_tokens, " are possible");
  }
  const int64_t longest = batch.padded_length > 0 ? static_cast<int64_t>(batch.padded_length) : max_tokens;
  for (size_t i = 0; i < batch.sequences(); ++i) {
    // All boundaries are checked to rise before any is used as an index: with both ends right, none is out of range.
    const int64_t length = int64_t{batch.cu_seqlens[i + 1]} - batch.cu_seqlens[i];
    if (length < 1 || length > longest) {
      return errors::InvalidArgument("sequence ", i, ": ", length, " tokens, but 1 to ", longest, " are possible");
    }
  }
  for (size_t i = 0; i < batch.sequences(); ++i) {
    RETURN_IF_ERROR(ValidateIds(batch.sequence(i), i, vocab_size));
  }
  return absl::OkStatus();
}

absl::Status ValidateRun(const PackedBatch& batch, int64_t vocab_size, int64_t max_tokens, size_t labels,
                         size_t logits) {
  RETURN_IF_ERROR(ValidateBatch(batch, vocab_size, max_tokens));
  if (logits == batch.sequences() * labels) return absl::OkStatus();
  return errors::InvalidArgument("room for ", logits, " logits, but the batch needs ", batch.sequences() * labels);
}

void PositionIds(absl::Span<const int32_t> token_ids, int32_t pad_token_id, absl::Span<int32_t> positions) {
  int32_t next = pad_token_id + 1;
  for (size_t i = 0; i < token_ids.size(); ++i) {
    positions[i] = token_ids[i] == pad_token_id ? pad_token_id : next++;
  }
}

}  // namespace roberta::encoder
