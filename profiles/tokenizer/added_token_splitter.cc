#include "profiles/tokenizer/added_token_splitter.h"

#include <algorithm>
#include <utility>

#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

bool TouchesWord(std::string_view before, std::string_view after) {
  return (!before.empty() && IsWordCharacter(LastCodePoint(before).value)) ||
         (!after.empty() && IsWordCharacter(FirstCodePoint(after).value));
}

size_t TrailingSpaceBytes(std::string_view text) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint last = LastCodePoint(text.substr(0, text.size() - bytes));
    if (ClassOf(last.value) != CharacterClass::kSpace) break;
    bytes += last.length_bytes;
  }
  return bytes;
}

size_t LeadingSpaceBytes(std::string_view text) {
  size_t bytes = 0;
  while (bytes < text.size()) {
    const CodePoint first = FirstCodePoint(text.substr(bytes));
    if (ClassOf(first.value) != CharacterClass::kSpace) break;
    bytes += first.length_bytes;
  }
  return bytes;
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

}  // namespace roberta::tokenizer
