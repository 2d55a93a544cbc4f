#include "profiles/tokenizer/utf8.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

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

constexpr uint32_t kCodePoints = 0x110000;
constexpr uint8_t kPinnedMajorVersion = 16;

struct Range {
  uint32_t first, last;
  CharacterClass character_class;
};

/// Letters and numbers of Unicode 15.1 and 16.0 (UnicodeData.txt), for an ICU that ends with 15.0.
constexpr CharacterClass kLetter = CharacterClass::kLetter;
constexpr CharacterClass kNumber = CharacterClass::kNumber;
constexpr Range kAfterUnicode15[] = {
    {0x1C89, 0x1C8A, kLetter},   {0xA7CB, 0xA7CD, kLetter},   {0xA7DA, 0xA7DC, kLetter},   {0x105C0, 0x105F3, kLetter},
    {0x10D40, 0x10D49, kNumber}, {0x10D4A, 0x10D65, kLetter}, {0x10D6F, 0x10D85, kLetter}, {0x10EC2, 0x10EC4, kLetter},
    {0x11380, 0x11389, kLetter}, {0x1138B, 0x1138B, kLetter}, {0x1138E, 0x1138E, kLetter}, {0x11390, 0x113B5, kLetter},
    {0x113B7, 0x113B7, kLetter}, {0x113D1, 0x113D1, kLetter}, {0x113D3, 0x113D3, kLetter}, {0x116D0, 0x116E3, kNumber},
    {0x11BC0, 0x11BE0, kLetter}, {0x11BF0, 0x11BF9, kNumber}, {0x13460, 0x143FA, kLetter}, {0x16100, 0x1611D, kLetter},
    {0x16130, 0x16139, kNumber}, {0x16D40, 0x16D6C, kLetter}, {0x16D70, 0x16D79, kNumber}, {0x18CFF, 0x18CFF, kLetter},
    {0x1CCF0, 0x1CCF9, kNumber}, {0x1E5D0, 0x1E5ED, kLetter}, {0x1E5F0, 0x1E5F0, kLetter}, {0x1E5F1, 0x1E5FA, kNumber},
    {0x2EBF0, 0x2EE5D, kLetter}};

CharacterClass ClassByCategory(uint32_t category_mask) {
  if ((category_mask & U_GC_L_MASK) != 0) return CharacterClass::kLetter;
  if ((category_mask & U_GC_N_MASK) != 0) return CharacterClass::kNumber;
  return CharacterClass::kOther;
}

bool IsPinned(UChar32 code_point) {
  UVersionInfo age;
  u_charAge(code_point, age);
  return age[0] <= kPinnedMajorVersion;
}

/// Called by ICU for each run of code points of one general category.
UBool AddRun(const void* context, UChar32 first, UChar32 limit, UCharCategory category) {
  const CharacterClass character_class = ClassByCategory(U_MASK(category));
  if (character_class == CharacterClass::kOther) return true;
  auto& classes = *static_cast<std::vector<uint8_t>*>(const_cast<void*>(context));
  for (UChar32 c = first; c < limit; ++c) {
    if (IsPinned(c)) classes[static_cast<size_t>(c)] = static_cast<uint8_t>(character_class);
  }
  return true;
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
  return LeadingSpaceBytes(text) == text.size();
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

void AppendUtf8(uint32_t code_point, std::string* text) {
  uint8_t units[4];
  int32_t length = 0;
  U8_APPEND_UNSAFE(units, length, code_point);
  text->append(reinterpret_cast<const char*>(units), static_cast<size_t>(length));
}

size_t LeadingSpaceBytes(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty() && ClassOf(FirstCodePoint(rest).value) == CharacterClass::kSpace) {
    rest.remove_prefix(FirstCodePoint(rest).length_bytes);
  }
  return text.size() - rest.size();
}

size_t TrailingSpaceBytes(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty() && ClassOf(LastCodePoint(rest).value) == CharacterClass::kSpace) {
    rest.remove_suffix(LastCodePoint(rest).length_bytes);
  }
  return text.size() - rest.size();
}

UnicodeClasses::UnicodeClasses() {
  std::vector<uint8_t> classes(kCodePoints, static_cast<uint8_t>(CharacterClass::kOther));
  u_enumCharTypes(&AddRun, &classes);
  for (const Range& range : kAfterUnicode15) {
    std::fill(classes.begin() + range.first, classes.begin() + range.last + 1,
              static_cast<uint8_t>(range.character_class));
  }
  // White_Space ends with the ideographic space and has been stable since Unicode 6.3.
  for (uint32_t c = 0; c < 0x3001; ++c) {
    if (u_isUWhiteSpace(static_cast<UChar32>(c))) classes[c] = static_cast<uint8_t>(CharacterClass::kSpace);
  }
  std::map<std::string, uint16_t> known;
  for (size_t block = 0; block < block_of_.size(); ++block) {
    const std::string content(reinterpret_cast<const char*>(&classes[block << 8]), 256);
    const auto [found, added] = known.emplace(content, static_cast<uint16_t>(known.size()));
    if (added) blocks_.insert(blocks_.end(), content.begin(), content.end());
    block_of_[block] = found->second;
  }
}

const UnicodeClasses& UnicodeClasses::Get() {
  static const UnicodeClasses* const classes = new UnicodeClasses;
  return *classes;
}

bool IsWordCharacter(uint32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

}  // namespace roberta::tokenizer
