#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace roberta::tokenizer {

/// Byte offset of the first sequence that is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above
/// U+10FFFF); nullopt if there is none. NUL and noncharacters are valid.
std::optional<size_t> FirstInvalidUtf8(std::string_view text);

/// Code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

/// True if valid UTF-8 holds nothing but white space (Unicode's White_Space), or nothing at all.
bool IsBlank(std::string_view text);

/// The code point at the start of valid, non-empty UTF-8, and its length in bytes.
struct CodePoint {
  uint32_t value;
  uint32_t length_bytes;
};
CodePoint FirstCodePoint(std::string_view text);

/// The last code point of valid, non-empty UTF-8.
CodePoint LastCodePoint(std::string_view text);

/// True for a byte that continues a code point.
inline bool IsContinuationByte(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace roberta::tokenizer
