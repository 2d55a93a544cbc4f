#include "profiles/tokenizer/truncation.h"

#include <algorithm>
#include <utility>

namespace roberta::tokenizer {

TokenCounts LongestFirst(TokenCounts counts, bool has_pair, size_t room_tokens) {
  if (counts.text + counts.pair <= room_tokens) return counts;
  if (!has_pair) return {std::min(counts.text, room_tokens), 0};
  const bool text_is_longer = counts.text > counts.pair;
  size_t shorter = std::min(counts.text, counts.pair);
  // Only the longer one gives if the shorter one leaves it at least as much.
  size_t longer = shorter > room_tokens ? shorter : std::max(shorter, room_tokens - shorter);
  if (shorter + longer > room_tokens) {
    shorter = room_tokens / 2;
    longer = shorter + room_tokens % 2;
  }
  return text_is_longer ? TokenCounts{longer, shorter} : TokenCounts{shorter, longer};
}

}  // namespace roberta::tokenizer
