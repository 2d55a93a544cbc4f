#pragma once

#include <cstddef>
#include <string_view>

#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {

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
