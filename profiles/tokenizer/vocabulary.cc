// The parts that the files of a tokenizer have in common.
#include "profiles/tokenizer/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/bpe.h"

namespace roberta::tokenizer {
namespace {

constexpr int64_t kMostTokens = 1 << 24;
/// Ids may have gaps, but no more of them than this beyond as many as there are tokens.
constexpr size_t kMostGaps = 1 << 16;

/// `token` in quotes on one line, whatever it holds.
std::string Shown(std::string_view token) {
  return json::ShownValue(nlohmann::json(std::string(token)));
}

}  // namespace

absl::Status VocabularyBuilder::Place(const std::string& token, int64_t id, const std::string& file) {
  const auto index = static_cast<size_t>(id);
  if (id < 0 || id >= kMostTokens) {
    return errors::InvalidArgument(file, ": token ", Shown(token), " has id ", id, "; ids are 0 to ", kMostTokens - 1);
  }
  if (vocabulary_.tokens.size() <= index) vocabulary_.tokens.resize(index + 1);
  std::string& place = vocabulary_.tokens[index];
  if (!place.empty() && place != token) {
    return errors::InvalidArgument(file, ": tokens ", Shown(place), " and ", Shown(token), " both have id ", id);
  }
  place = token;
  return absl::OkStatus();
}

absl::Status VocabularyBuilder::AddTokens(const nlohmann::json& vocabulary, const std::string& file) {
  if (!vocabulary.is_object() || vocabulary.empty())
    return errors::InvalidArgument(file, ": the vocabulary is not an object of tokens and ids");
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_integer() || id.get<double>() >= static_cast<double>(kMostTokens)) {
      return errors::InvalidArgument(file, ": token ", Shown(token), " has id ", json::ShownValue(id),
                                     ", not an integer below ", kMostTokens);
    }
    if (id.get<int64_t>() >= static_cast<int64_t>(2 * vocabulary.size() + kMostGaps)) {
      return errors::InvalidArgument(file, ": token ", Shown(token), " has id ", id.get<int64_t>(), ", but there are ",
                                     vocabulary.size(), " tokens: ids have too many gaps");
    }
    if (!token.empty()) RETURN_IF_ERROR(Place(token, id.get<int64_t>(), file));
    id_of_token_.emplace(token, id.get<int32_t>());
  }
  next_id_ = static_cast<int32_t>(vocabulary.size());
  for (const std::string& token : vocabulary_.tokens) {
    vocabulary_.bytes.push_back(BytesOfToken(token).value_or(""));
  }
  return absl::OkStatus();
}

std::optional<int32_t> VocabularyBuilder::FindId(const std::string& token) const {
  const auto found = id_of_token_.find(token);
  if (found == id_of_token_.end()) return std::nullopt;
  return found->second;
}

bool VocabularyBuilder::HasAllBytes() const {
  return std::ranges::count(vocabulary_.bytes, size_t{1}, &std::string::size) == 256;
}

absl::Status VocabularyBuilder::AddMerge(std::string_view text, const std::string& file, const std::string& place) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return errors::InvalidArgument(file, ": ", place, ": ", Shown(text), " is not two tokens and a space between them");
  }
  return AddMerge(text.substr(0, space), text.substr(space + 1), file, place);
}

absl::Status VocabularyBuilder::AddMerge(std::string_view left, std::string_view right, const std::string& file,
                                         const std::string& place) {
  const std::string parts[] = {std::string(left), std::string(right),
                               absl::StrCat(std::string(left), std::string(right))};
  int32_t ids[3];
  for (size_t i = 0; i < 3; ++i) {
    const std::optional<int32_t> id = FindId(parts[i]);
    if (!id) {
      return errors::InvalidArgument(file, ": ", place, ": ", i < 2 ? "part " : "result ", Shown(parts[i]),
                                     " is not in the vocabulary");
    }
    ids[i] = *id;
  }
  vocabulary_.merges.push_back({ids[0], ids[1], ids[2]});
  return absl::OkStatus();
}

int32_t VocabularyBuilder::AddAddedToken(AddedToken token) {
  std::vector<AddedToken>& added = vocabulary_.added_tokens;
  const auto [known, is_new] = added_.emplace(token.content, added.size());
  if (!is_new) {
    AddedToken& place = added[known->second];
    token.id = place.id;
    token.special |= place.special;  // once special, always special
    return (place = std::move(token)).id;
  }
  const bool has_id = !id_of_token_.emplace(token.content, next_id_).second;
  token.id = id_of_token_[token.content];
  if (token.id >= next_id_) next_id_ = token.id + 1;
  if (vocabulary_.tokens.size() <= static_cast<size_t>(token.id)) {
    vocabulary_.tokens.resize(static_cast<size_t>(token.id) + 1);
    vocabulary_.bytes.resize(vocabulary_.tokens.size());
  }
  if (!has_id) vocabulary_.tokens[static_cast<size_t>(token.id)] = token.content;
  added.push_back(std::move(token));
  return added.back().id;
}

absl::StatusOr<Vocabulary> VocabularyBuilder::Finish(const std::string& file) {
  std::unordered_set<std::string> contents;
  NormalizerScratch scratch;
  for (AddedToken& token : vocabulary_.added_tokens) {
    if (token.normalized && !vocabulary_.normalizer.empty()) {
      NormalizedText text;
      text.Assign(token.content);
      RETURN_IF_ERROR(Normalize(vocabulary_.normalizer, &scratch, &text));
      if (text.text.empty() || !contents.insert(text.text).second) {
        return errors::InvalidArgument(file, ": added token ", Shown(token.content), " is ", Shown(text.text),
                                       " when normalized, ",
                                       text.text.empty() ? "which is empty" : "as another one is");
      }
      token.content = std::move(text.text);
    }
  }
  return std::move(vocabulary_);
}

}  // namespace roberta::tokenizer
