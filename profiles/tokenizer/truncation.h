#pragma once

#include <cstddef>

namespace roberta::tokenizer {

/// Tokens of a text and of its pair, special tokens not counted.
struct TokenCounts {
  size_t text = 0;
  size_t pair = 0;
  friend bool operator==(const TokenCounts&, const TokenCounts&) = default;
};

/// How many tokens of each stay so that both fit into `room_tokens`: the longer text gives first, as Hugging Face's
/// "longest_first" has it; where both must give, the halves, the odd token to the longer one. Counts that fit stay as
/// they are.
TokenCounts LongestFirst(TokenCounts counts, bool has_pair, size_t room_tokens);

}  // namespace roberta::tokenizer
