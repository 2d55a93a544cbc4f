#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roberta::tokenizer {

/// What a tokenizer.json looks for in text: a string, or a regular expression as Oniguruma reads it (Ruby's syntax,
/// which Hugging Face's `tokenizers` uses). PCRE2 does the matching; a construct that the two read differently is
/// refused. Immutable: any number of threads may search.
class Pattern {
 public:
  struct Match {
    size_t begin, end;  ///< in bytes
  };

  /// InvalidArgument for an empty string.
  static absl::StatusOr<Pattern> Literal(std::string_view text);
  /// InvalidArgument says what is wrong or not supported, and where.
  static absl::StatusOr<Pattern> Regex(std::string_view expression);

  /// Whether it may match the empty string.
  bool MayBeEmpty() const;

  Pattern(Pattern&&) noexcept;
  ~Pattern();

  /// Puts all matches in valid UTF-8, from left to right and without overlap, into `*matches`. An empty match at the
  /// end of the one before does not count. ResourceExhausted if the search takes more steps than are allowed.
  absl::Status FindAll(std::string_view text, std::vector<Match>* matches) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<const Compiled> compiled);

  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace roberta::tokenizer
