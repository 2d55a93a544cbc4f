#include "server/batching/form_batches.h"

namespace roberta::batching {

std::vector<BatchRange> FormBatches(absl::Span<const size_t> lengths_tokens, size_t max_batch_tokens) {
  std::vector<BatchRange> batches;
  size_t tokens = 0;
  for (size_t i = 0; i < lengths_tokens.size(); ++i) {
    if (batches.empty() || tokens + lengths_tokens[i] > max_batch_tokens) {
      batches.push_back({i, i});
      tokens = 0;
    }
    batches.back().end = i + 1;
    tokens += lengths_tokens[i];
  }
  return batches;
}

}  // namespace roberta::batching
