#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "profiles/tokenizer/utf8.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {

/// A stretch of text: an added token, or text between them.
struct Piece {
  static constexpr int32_t kText = -1;

  int32_t id = kText;  ///< of the added token
  size_t begin = 0;    ///< in bytes
  size_t end = 0;
};

/// Finds added tokens in text, as Hugging Face's AddedVocabulary does: leftmost, then longest. Immutable.
class AddedTokenSplitter {
 public:
  /// Of `tokens` those that are `normalized`, or those that are not. Special tokens are found, but stay text, if
  /// `split_special`.
  AddedTokenSplitter(const std::vector<AddedToken>& tokens, bool normalized, bool split_special);

  /// Cuts `text` (valid UTF-8) into pieces that cover it, in order, into `*pieces`. Time is linear in the text for a
  /// given set of tokens.
  void Split(std::string_view text, std::vector<Piece>* pieces) const;

 private:
  size_t NextCandidate(std::string_view text, size_t position) const;
  const AddedToken* LongestMatch(std::string_view text) const;

  std::array<std::vector<AddedToken>, 256> tokens_;  ///< by their first byte, longest first
  bool is_empty_ = true;
  int only_first_byte_ = -1;  ///< if all start with the same byte
  const bool split_special_;
};

/// Cuts text into words by GPT-2's pattern (Radford et al. 2019):
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// without a regular expression: one pass, each byte is looked at once or twice.
class PreTokenizer {
 public:
  PreTokenizer();

  /// Length in bytes of the word that starts at `begin` of valid UTF-8; `begin` must be less than text.size() and the
  /// start of a code point. The words of a text, one after another, are the whole text.
  size_t WordLength(std::string_view text, size_t begin) const;

 private:
  struct Character {
    CharacterClass character_class;
    size_t length_bytes;
  };
  Character At(std::string_view text, size_t position) const;
  size_t EndOfRun(std::string_view text, size_t position, CharacterClass character_class) const;
  size_t EndOfSpaces(std::string_view text, size_t position) const;

  CharacterClass ascii_[128];
  const UnicodeClasses& classes_;
};

}  // namespace roberta::tokenizer
