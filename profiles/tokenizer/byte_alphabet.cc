#include "profiles/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

constexpr uint32_t kAlphabetEnd = 0x100 + 68;

struct Alphabet {
  std::array<uint16_t, 256> character_of_byte = {};
  std::array<int16_t, kAlphabetEnd> byte_of_character = {};
};

constexpr bool SpellsItself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.byte_of_character) byte = -1;
  uint16_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint16_t character = SpellsItself(byte) ? static_cast<uint16_t>(byte) : next++;
    alphabet.character_of_byte[byte] = character;
    alphabet.byte_of_character[character] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::optional<std::string> BytesOfToken(std::string_view token) {
  if (FirstInvalidUtf8(token)) return std::nullopt;
  std::string bytes;
  while (!token.empty()) {
    const CodePoint character = FirstCodePoint(token);
    if (character.value >= kAlphabetEnd || kAlphabet.byte_of_character[character.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte_of_character[character.value]));
    token.remove_prefix(character.length_bytes);
  }
  return bytes;
}

std::string TokenOfBytes(std::string_view bytes) {
  std::string token;
  for (const char byte : bytes) {
    const uint16_t character = kAlphabet.character_of_byte[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      token.push_back(static_cast<char>(character));
    } else {  // at most U+0143: two bytes of UTF-8
      token.push_back(static_cast<char>(0xC0 | character >> 6));
      token.push_back(static_cast<char>(0x80 | (character & 0x3F)));
    }
  }
  return token;
}

}  // namespace roberta::tokenizer
