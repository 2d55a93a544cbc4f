#include "profiles/tokenizer/vocabulary_builder.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/byte_alphabet.h"

namespace roberta::tokenizer {
namespace {

constexpr int64_t kMostTokens = 1 << 24;

/// `token` in quotes on one line, whatever it holds.
std::string Shown(std::string_view token) {
  return json::ShownValue(nlohmann::json(std::string(token)));
}

}  // namespace

absl::Status VocabularyBuilder::Place(const std::string& token, int64_t id, const std::string& file) {
  if (id < 0 || id >= kMostTokens) {
    return errors::InvalidArgument(file, ": token ", Shown(token), " has id ", id, "; ids are 0 to ", kMostTokens - 1);
  }
  const auto index = static_cast<size_t>(id);
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
    if (token.empty()) return errors::InvalidArgument(file, ": the vocabulary has an empty token");
    if (!id.is_number_integer() || id.get<double>() >= static_cast<double>(kMostTokens)) {
      return errors::InvalidArgument(file, ": token ", Shown(token), " has id ", json::ShownValue(id),
                                     ", not an integer below ", kMostTokens);
    }
    RETURN_IF_ERROR(Place(token, id.get<int64_t>(), file));
    id_of_token_.emplace(token, id.get<int32_t>());
  }
  return absl::OkStatus();
}

absl::StatusOr<int32_t> VocabularyBuilder::IdOf(const std::string& token, const std::string& file) const {
  const auto found = id_of_token_.find(token);
  if (found == id_of_token_.end()) return errors::InvalidArgument(file, ": the vocabulary lacks ", Shown(token));
  return found->second;
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
    absl::StatusOr<int32_t> id = IdOf(parts[i], file);
    if (!id.ok())
      return errors::InvalidArgument(file, ": ", place, ": ", i < 2 ? "part " : "result ", Shown(parts[i]),
                                     " is not in the vocabulary");
    if (!BytesOfToken(parts[i]))
      return errors::InvalidArgument(file, ": ", place, ": ", Shown(parts[i]), " is not byte-level text");
    ids[i] = *id;
  }
  vocabulary_.merges.push_back({ids[0], ids[1], ids[2]});
  return absl::OkStatus();
}

absl::Status VocabularyBuilder::AddAddedToken(AddedToken token, const std::string& file) {
  if (token.content.empty()) return errors::InvalidArgument(file, ": an added token is empty");
  RETURN_IF_ERROR(Place(token.content, token.id, file));
  const auto [found, added] = id_of_token_.emplace(token.content, token.id);
  if (found->second != token.id) {
    return errors::InvalidArgument(file, ": added token ", Shown(token.content), " has id ", token.id,
                                   ", but the vocabulary gives it ", found->second);
  }
  vocabulary_.added_tokens.push_back(std::move(token));
  return absl::OkStatus();
}

absl::StatusOr<Vocabulary> VocabularyBuilder::Finish(const std::string& file) {
  std::array<bool, 256> has_byte = {};
  for (size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    const std::string& token = vocabulary_.tokens[id];
    if (token.empty()) return errors::InvalidArgument(file, ": no token has id ", id, "; ids must have no gaps");
    vocabulary_.bytes.push_back(BytesOfToken(token).value_or(""));
    if (vocabulary_.bytes.back().size() == 1) has_byte[static_cast<unsigned char>(vocabulary_.bytes.back()[0])] = true;
  }
  for (size_t byte = 0; byte < has_byte.size(); ++byte) {
    if (!has_byte[byte]) {
      const char c = static_cast<char>(byte);
      return errors::InvalidArgument(file, ": no token for byte ", byte, ", which byte-level text spells ",
                                     Shown(TokenOfBytes(std::string_view(&c, 1))));
    }
  }
  return std::move(vocabulary_);
}

}  // namespace roberta::tokenizer
