#include "profiles/tokenizer/pre_tokenizer.h"

namespace roberta::tokenizer {
namespace {

/// Length of the English contraction that `text` starts with, apostrophe included; 0 if there is none.
size_t ContractionLength(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  switch (text[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return text.size() > 2 && text[2] == 'e' ? 3 : 0;
    case 'l':
      return text.size() > 2 && text[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

}  // namespace

PreTokenizer::PreTokenizer() : classes_(UnicodeClasses::Get()) {
  for (uint32_t c = 0; c < 128; ++c) ascii_[c] = classes_.Of(c);
}

PreTokenizer::Character PreTokenizer::At(std::string_view text, size_t position) const {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) return {ascii_[byte], 1};
  const CodePoint code_point = FirstCodePoint(text.substr(position));
  return {classes_.Of(code_point.value), code_point.length_bytes};
}

size_t PreTokenizer::EndOfRun(std::string_view text, size_t position, CharacterClass character_class) const {
  while (position < text.size()) {
    const Character character = At(text, position);
    if (character.character_class != character_class) break;
    position += character.length_bytes;
  }
  return position;
}

size_t PreTokenizer::EndOfSpaces(std::string_view text, size_t position) const {
  const size_t begin = position;
  size_t last = position;  // start of the last space seen
  while (position < text.size()) {
    const Character character = At(text, position);
    // \s+(?!\S): spaces before a word leave their last one to it; a single one is a word of its own (\s+).
    if (character.character_class != CharacterClass::kSpace) return last > begin ? last : position;
    last = position;
    position += character.length_bytes;
  }
  return position;
}

size_t PreTokenizer::WordLength(std::string_view text, size_t begin) const {
  if (text[begin] == '\'') {
    if (const size_t length = ContractionLength(text.substr(begin)); length > 0) return length;
  }
  Character first = At(text, begin);
  size_t position = begin;
  if (text[begin] == ' ' && begin + 1 < text.size()) {
    const Character next = At(text, begin + 1);
    if (next.character_class != CharacterClass::kSpace) {
      first = next;
      ++position;
    }
  }
  if (first.character_class == CharacterClass::kSpace) return EndOfSpaces(text, begin) - begin;
  return EndOfRun(text, position + first.length_bytes, first.character_class) - begin;
}

}  // namespace roberta::tokenizer
