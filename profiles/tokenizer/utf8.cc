#include "profiles/tokenizer/utf8.h"

#include <cstring>

#include "profiles/tokenizer/unicode_classes.h"

namespace roberta::tokenizer {

namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;

uint64_t LoadEight(const char* data) {
  uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

/// Length of the well-formed multi-byte sequence at the start of `text`, by Table 3-7 of the Unicode Standard; 0 if
/// there is none.
size_t MultiByteLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  const unsigned second_least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned second_most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < second_least || byte(1) > second_most) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsContinuationByte(text[i])) return 0;
  }
  return length;
}

}  // namespace

std::optional<size_t> FirstInvalidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    while (i + 8 <= text.size() && (LoadEight(text.data() + i) & kHighBits) == 0) i += 8;
    while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
    if (i == text.size()) break;
    const size_t length = MultiByteLength(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

size_t CountCodePoints(std::string_view text) {
  size_t continuations = 0;
  for (const char byte : text) continuations += IsContinuationByte(byte);
  return text.size() - continuations;
}

bool IsBlank(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = FirstCodePoint(text);
    if (ClassOf(first.value) != CharacterClass::kSpace) return false;
    text.remove_prefix(first.length_bytes);
  }
  return true;
}

CodePoint FirstCodePoint(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

CodePoint LastCodePoint(std::string_view text) {
  size_t begin = text.size() - 1;
  while (IsContinuationByte(text[begin])) --begin;
  return FirstCodePoint(text.substr(begin));
}

}  // namespace roberta::tokenizer
