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

/// Byte-level BPE (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners") with all that Hugging
/// Face's files may put before and after it, exact to AutoTokenizer. Immutable after Load: any number of threads may
/// call.
class Tokenizer {
 public:
  /// Reads `tokenizer.json` of `directory`, or `vocab.json` + `merges.txt` where it is absent, and what
  /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say about them. Errors: NotFound names
  /// the missing file; InvalidArgument names the file, the field and the value that is wrong or not supported.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> Load(const std::string& directory);

  /// From a vocabulary that was read and checked already.
  static std::unique_ptr<const Tokenizer> FromVocabulary(Vocabulary vocabulary);

  virtual ~Tokenizer() = default;

  /// Encodes `text` (and `pair`) into `*out`, reusing its memory. Errors, with `*out` unspecified:
  /// InvalidArgument for invalid UTF-8 (names the byte offset), OutOfRange for more than `max_tokens` with
  /// Truncation::kError (names both counts), InvalidArgument if `max_tokens` has no room for the special tokens alone
  /// or if there is no token at all, ResourceExhausted for a text that a pattern of the tokenizer.json takes too long
  /// for. A text that may be cut is cut at the tokenizer's model_max_length if that is less than `max_tokens`. Time is
  /// O(n log n) in the length of the text, whatever it holds, but for such patterns.
  virtual absl::Status Encode(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options,
                              Encoding* out) const = 0;

  /// Number of ids: one more than the largest one.
  virtual size_t vocabulary_size() const = 0;
  /// The token as `vocab.json` spells it ("Ġworld"); empty for an id that names no token.
  virtual std::string_view TokenText(int32_t id) const = 0;
  /// The largest id that a text can come to have.
  virtual int32_t largest_id() const = 0;
  /// Where releases of `transformers` read the files differently, and which of them this follows: a line each, for the
  /// log.
  virtual const std::vector<std::string>& notes() const = 0;
};

}  // namespace roberta::tokenizer
