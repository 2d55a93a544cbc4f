#include "profiles/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <utility>

namespace roberta::tokenizer {
namespace {

bool TouchesWord(std::string_view before, std::string_view after) {
  return (!before.empty() && IsWordCharacter(LastCodePoint(before).value)) ||
         (!after.empty() && IsWordCharacter(FirstCodePoint(after).value));
}

bool IsSpace(CodePoint code_point) {
  return ClassOf(code_point.value) == CharacterClass::kSpace;
}

size_t TrailingSpaceBytes(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty() && IsSpace(LastCodePoint(rest))) rest.remove_suffix(LastCodePoint(rest).length_bytes);
  return text.size() - rest.size();
}

size_t LeadingSpaceBytes(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty() && IsSpace(FirstCodePoint(rest))) rest.remove_prefix(FirstCodePoint(rest).length_bytes);
  return text.size() - rest.size();
}

/// Length of the English contraction that `text` starts with, apostrophe included; 0 if there is none.
size_t ContractionLength(std::string_view text) {
  for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

}  // namespace

AddedTokenSplitter::AddedTokenSplitter(std::vector<AddedToken> tokens) {
  for (AddedToken& token : tokens) {
    Group& group = groups_[token.normalized ? 1 : 0];
    group.first_bytes.set(static_cast<unsigned char>(token.content[0]));
    group.tokens.push_back(std::move(token));
  }
  for (Group& group : groups_) {
    std::stable_sort(group.tokens.begin(), group.tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
    if (group.first_bytes.count() == 1) group.only_first_byte = static_cast<unsigned char>(group.tokens[0].content[0]);
  }
}

size_t AddedTokenSplitter::NextCandidate(const Group& group, std::string_view text, size_t position) {
  if (group.only_first_byte >= 0) return text.find(static_cast<char>(group.only_first_byte), position);
  while (position < text.size() && !group.first_bytes[static_cast<unsigned char>(text[position])]) ++position;
  return position < text.size() ? position : std::string_view::npos;
}

const AddedToken* AddedTokenSplitter::LongestMatch(const Group& group, std::string_view text) {
  for (const AddedToken& token : group.tokens) {
    if (text.starts_with(token.content)) return &token;
  }
  return nullptr;
}

void AddedTokenSplitter::Split(std::string_view text, std::vector<Piece>* pieces) const {
  pieces->clear();
  SplitStretch(0, text, 0, pieces);
}

void AddedTokenSplitter::SplitStretch(size_t group_index, std::string_view text, size_t offset,
                                      std::vector<Piece>* pieces) const {
  if (text.empty()) return;
  if (group_index == groups_.size()) {
    pieces->push_back({Piece::kText, offset, offset + text.size()});
    return;
  }
  const Group& group = groups_[group_index];
  size_t done = 0;        // everything before is in pieces
  size_t spaces_end = 0;  // of the last run of spaces that was swallowed, so that no run is measured twice
  size_t position = group.tokens.empty() ? std::string_view::npos : NextCandidate(group, text, 0);
  while (position != std::string_view::npos) {
    const AddedToken* token = LongestMatch(group, text.substr(position));
    if (token == nullptr) {
      position = NextCandidate(group, text, position + 1);
      continue;
    }
    const size_t content_end = position + token->content.size();
    size_t begin = position, end = content_end;
    position = NextCandidate(group, text, content_end);
    // Where the token before has swallowed this one's first spaces, it begins after them, as Hugging Face's does.
    if (end <= done || (token->single_word && TouchesWord(text.substr(0, begin), text.substr(end)))) continue;
    if (begin < done) {
      begin = done;
    } else if (token->lstrip) {
      begin -= TrailingSpaceBytes(text.substr(done, begin - done));
    }
    if (token->rstrip) {
      if (end >= spaces_end) spaces_end = end + LeadingSpaceBytes(text.substr(end));
      end = spaces_end;
    }
    SplitStretch(group_index + 1, text.substr(done, begin - done), offset + done, pieces);
    pieces->push_back({token->id, offset + begin, offset + end});
    done = end;
  }
  SplitStretch(group_index + 1, text.substr(done), offset + done, pieces);
}

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
