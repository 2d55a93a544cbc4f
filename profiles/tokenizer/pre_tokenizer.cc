#include "profiles/tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace roberta::tokenizer {
namespace {

bool TouchesWord(std::string_view before, std::string_view after) {
  return (!before.empty() && IsWordCharacter(LastCodePoint(before).value)) ||
         (!after.empty() && IsWordCharacter(FirstCodePoint(after).value));
}

/// Length of the English contraction that `text` starts with, apostrophe included; 0 if there is none.
size_t ContractionLength(std::string_view text) {
  for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

}  // namespace

AddedTokenSplitter::AddedTokenSplitter(const std::vector<AddedToken>& tokens, bool normalized, bool split_special)
    : split_special_(split_special) {
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized) continue;
    const auto first = static_cast<unsigned char>(token.content[0]);
    only_first_byte_ = is_empty_ || only_first_byte_ == first ? first : -1;
    is_empty_ = false;
    tokens_[first].push_back(token);
  }
  for (std::vector<AddedToken>& starting : tokens_) {
    std::ranges::stable_sort(starting, std::ranges::greater(),
                             [](const AddedToken& token) { return token.content.size(); });
  }
}

size_t AddedTokenSplitter::NextCandidate(std::string_view text, size_t position) const {
  if (is_empty_) return std::string_view::npos;
  if (only_first_byte_ >= 0) return text.find(static_cast<char>(only_first_byte_), position);
  while (position < text.size() && tokens_[static_cast<unsigned char>(text[position])].empty()) ++position;
  return position < text.size() ? position : std::string_view::npos;
}

const AddedToken* AddedTokenSplitter::LongestMatch(std::string_view text) const {
  for (const AddedToken& token : tokens_[static_cast<unsigned char>(text[0])]) {
    if (text.starts_with(token.content)) return &token;
  }
  return nullptr;
}

void AddedTokenSplitter::Split(std::string_view text, std::vector<Piece>* pieces) const {
  pieces->clear();
  size_t done = 0;        // everything before is in pieces
  size_t spaces_end = 0;  // of the last run of spaces that was swallowed, so that no run is measured twice
  const auto add_text = [&](size_t end) {
    if (done < end) pieces->push_back({Piece::kText, done, end});
  };
  for (size_t position = NextCandidate(text, 0); position != std::string_view::npos;) {
    const AddedToken* token = LongestMatch(text.substr(position));
    if (token == nullptr) {
      position = NextCandidate(text, position + 1);
      continue;
    }
    const size_t content_end = position + token->content.size();
    size_t begin = position, end = content_end;
    position = NextCandidate(text, content_end);
    if (token->special && split_special_) continue;
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
    add_text(begin);
    pieces->push_back({token->id, begin, end});
    done = end;
  }
  add_text(text.size());
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
