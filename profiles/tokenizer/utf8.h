#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace roberta::tokenizer {

/// Byte offset of the first sequence that is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above
/// U+10FFFF); nullopt if there is none. NUL and noncharacters are valid.
std::optional<size_t> FirstInvalidUtf8(std::string_view text);

/// Code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

/// True if valid UTF-8 holds nothing but white space, or nothing at all.
bool IsBlank(std::string_view text);

/// The code point at the start of valid, non-empty UTF-8, and its length in bytes.
struct CodePoint {
  uint32_t value;
  uint32_t length_bytes;
};
CodePoint FirstCodePoint(std::string_view text);

/// The last code point of valid, non-empty UTF-8.
CodePoint LastCodePoint(std::string_view text);

/// Appends a code point to a text.
void AppendUtf8(uint32_t code_point, std::string* text);

/// Bytes of white space (Unicode's White_Space) at the start of valid UTF-8, and at its end.
size_t LeadingSpaceBytes(std::string_view text);
size_t TrailingSpaceBytes(std::string_view text);

/// True for a byte that continues a code point.
inline bool IsContinuationByte(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// The classes that byte-level BPE's pattern distinguishes: \p{L}, \p{N}, \s (White_Space), and the rest.
enum class CharacterClass : uint8_t { kOther, kLetter, kNumber, kSpace };

/// The classes of every code point as of Unicode 16.0, the version that Hugging Face's `tokenizers` (0.23) matches its
/// pattern with, whatever version ICU, whose data it is, has.
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
