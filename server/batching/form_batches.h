#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace roberta::batching {

/// A run of consecutive sequences: [begin, end).
struct BatchRange {
  size_t begin = 0;
  size_t end = 0;
  friend bool operator==(const BatchRange&, const BatchRange&) = default;
};

/// Cuts sequences of the given lengths (in tokens), in order, into batches of at most `max_batch_tokens` tokens. A
/// sequence that is longer than that makes a batch of its own. Every sequence is in exactly one batch.
std::vector<BatchRange> FormBatches(absl::Span<const size_t> lengths_tokens, size_t max_batch_tokens);

}  // namespace roberta::batching
