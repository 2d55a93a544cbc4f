#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace roberta::tokenizer {

/// What byte-level BPE's pattern tells apart: \p{L}, \p{N}, \s (White_Space), and the rest.
enum class CharacterClass : uint8_t { kOther, kLetter, kNumber, kSpace };

/// The classes of every code point as of Unicode 16.0, the version that Hugging Face's `tokenizers` (0.23) matches its
/// pattern with. The data is ICU's; what an older ICU does not know yet is added, and what a newer one knows besides is
/// left out, so that tokens do not depend on the distribution.
class UnicodeClasses {
 public:
  /// The one table, made at first use (a few milliseconds) and never changed.
  static const UnicodeClasses& Get();

  /// `code_point` must be at most U+10FFFF.
  CharacterClass Of(uint32_t code_point) const {
    return static_cast<CharacterClass>(blocks_[size_t{block_of_[code_point >> 8]} << 8 | (code_point & 0xFF)]);
  }

 private:
  UnicodeClasses();

  std::array<uint16_t, 0x1100> block_of_ = {};
  std::vector<uint8_t> blocks_;  ///< distinct blocks of 256 code points
};

inline CharacterClass ClassOf(uint32_t code_point) {
  return UnicodeClasses::Get().Of(code_point);
}

/// \w of Rust's regex crate (UTS #18, Annex C): what an added token that is a `single_word` may not touch.
bool IsWordCharacter(uint32_t code_point);

}  // namespace roberta::tokenizer
