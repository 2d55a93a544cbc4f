#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roberta::tokenizer {

/// Tokens of a text and of its pair, special tokens not counted.
struct TokenCounts {
  size_t text = 0;
  size_t pair = 0;
  friend bool operator==(const TokenCounts&, const TokenCounts&) = default;
};

/// How many tokens of each stay so that both fit into `room_tokens`: the longer text gives first, as Hugging Face's
/// "longest_first" has it; where both must give, the halves, the odd token to the longer one.
TokenCounts LongestFirst(TokenCounts counts, bool has_pair, size_t room_tokens);

struct Vocabulary;

/// What to do with a text that has more tokens than the model takes.
enum class Truncation {
  kError,  ///< refuse it
  kRight,  ///< drop tokens from its end
  kLeft,   ///< drop tokens from its beginning
};

/// Half-open range of Unicode code points in the text (or pair text) a token came from, without white space at its
/// edges, as Hugging Face's `trim_offsets` has it. Special tokens that the tokenizer adds have {0, 0}.
struct Offset {
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator==(const Offset&, const Offset&) = default;
};

struct EncodeOptions {
  /// Most tokens in the result, special tokens included; 0 means no limit.
  size_t max_tokens = 0;
  Truncation truncation = Truncation::kError;
  /// Offsets cost time; they are filled only on request.
  bool with_offsets = false;
};

/// One model input: `<s> text </s>`, or `<s> text </s></s> pair </s>`.
struct Encoding {
  std::vector<int32_t> ids;     ///< [tokens]
  std::vector<Offset> offsets;  ///< [tokens] if EncodeOptions::with_offsets, else empty
  size_t tokens_dropped = 0;    ///< by truncation; 0 means the text is whole
};

/// RoBERTa's byte-level BPE (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), exact to
/// Hugging Face's `RobertaTokenizerFast`. Immutable after Load: any number of threads may call.
class Tokenizer {
 public:
  /// Reads `vocab.json` + `merges.txt` of `directory`, or `tokenizer.json` where those are absent or do not say all
  /// (there is an added_tokens.json). Errors: NotFound names the missing file; InvalidArgument names the file, the
  /// field and the value that is not RoBERTa's.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Load(const std::string& directory);

  /// From a vocabulary that was read and checked already.
  static std::unique_ptr<const Tokenizer> FromVocabulary(Vocabulary vocabulary);

  virtual ~Tokenizer() = default;

  /// Encodes `text` (and `pair`) into `*out`, reusing its memory. Errors, with `*out` unspecified:
  /// InvalidArgument for invalid UTF-8 (names the byte offset), OutOfRange for more than `max_tokens` with
  /// Truncation::kError (names both counts), InvalidArgument if `max_tokens` has no room for the special tokens alone.
  /// Time is O(n log n) in the length of the text, whatever it holds.
  virtual absl::Status Encode(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options,
                              Encoding* out) const = 0;

  /// Number of ids: one more than the largest one.
  virtual size_t vocabulary_size() const = 0;
  /// The token as `vocab.json` spells it ("Ġworld"); empty for an id that names no token.
  virtual std::string_view TokenText(int32_t id) const = 0;
};

}  // namespace roberta::tokenizer
