// The two files of RobertaTokenizer: vocab.json and merges.txt, with the one setting of tokenizer_config.json that
// changes tokens.
#include "profiles/tokenizer/vocabulary.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/bpe.h"

namespace roberta::tokenizer {
namespace {

constexpr int64_t kMostTokens = 1 << 24;

/// `token` in quotes on one line, whatever it holds.
std::string Shown(std::string_view token) {
  return json::ShownValue(nlohmann::json(std::string(token)));
}

/// Whether a directory has this file; true also where it cannot be read, so that ReadFile says so.
bool IsThere(const std::string& path) {
  std::error_code failure;
  return std::filesystem::symlink_status(path, failure).type() != std::filesystem::file_type::not_found;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return errors::NotFound(path, ": no such file, or not readable");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<nlohmann::json> ParseFile(const std::string& text, const std::string& file) {
  absl::StatusOr<nlohmann::json> json = json::ParseStrictJson(text);
  if (!json.ok()) return errors::InvalidArgument(file, ": ", json.status().message());
  return json;
}

absl::Status AddMerges(const std::string& merges_txt, const std::string& file, VocabularyBuilder* builder) {
  size_t line_number = 0;
  for (size_t begin = 0; begin < merges_txt.size();) {
    const size_t end = std::min(merges_txt.find('\n', begin), merges_txt.size());
    std::string_view line(merges_txt.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    ++line_number;
    if (line.empty() || (line_number == 1 && line.starts_with("#version"))) continue;
    RETURN_IF_ERROR(builder->AddMerge(line, file, absl::StrCat("line ", line_number)));
  }
  return absl::OkStatus();
}

/// add_prefix_space of tokenizer_config.json; its other fields do not change tokens, or are the model's to know.
absl::StatusOr<bool> AddPrefixSpace(const std::string& tokenizer_config_json, const std::string& file) {
  if (tokenizer_config_json.empty()) return false;
  ASSIGN_OR_RETURN(auto config, ParseFile(tokenizer_config_json, file));
  if (!config.is_object()) return errors::InvalidArgument(file, ": not an object");
  const auto found = config.find("add_prefix_space");
  if (found == config.end() || found->is_null()) return false;
  if (!found->is_boolean()) {
    return errors::InvalidArgument(file, ": add_prefix_space is ", json::ShownValue(*found), ", not true or false");
  }
  return found->get<bool>();
}

/// added_tokens.json names tokens but not how they are found in text; only tokenizer.json says that. True if it names
/// any.
absl::StatusOr<bool> HasAddedTokens(const std::string& file) {
  if (!IsThere(file)) return false;
  ASSIGN_OR_RETURN(auto text, ReadFile(file));
  ASSIGN_OR_RETURN(auto tokens, ParseFile(text, file));
  return !tokens.empty();
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

absl::StatusOr<Vocabulary> ParseVocabJson(const std::string& vocab_json, const std::string& merges_txt,
                                          const std::string& tokenizer_config_json, const std::string& directory) {
  const std::string vocab_file = directory + "/vocab.json";
  ASSIGN_OR_RETURN(auto tokens, ParseFile(vocab_json, vocab_file));
  VocabularyBuilder builder;
  RETURN_IF_ERROR(builder.AddTokens(tokens, vocab_file));
  RETURN_IF_ERROR(AddMerges(merges_txt, directory + "/merges.txt", &builder));
  for (const char* content : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) {
    ASSIGN_OR_RETURN(auto id, builder.IdOf(content, vocab_file));
    const AddedToken token = {.id = id, .content = content, .lstrip = std::string_view(content) == "<mask>"};
    RETURN_IF_ERROR(builder.AddAddedToken(token, vocab_file));
  }
  ASSIGN_OR_RETURN(auto add_prefix_space, AddPrefixSpace(tokenizer_config_json, directory + "/tokenizer_config.json"));
  Vocabulary& vocabulary = builder.vocabulary();
  vocabulary.add_prefix_space = add_prefix_space;
  vocabulary.bos_id = *builder.IdOf("<s>", vocab_file);
  vocabulary.eos_id = *builder.IdOf("</s>", vocab_file);
  return builder.Finish(vocab_file);
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory) {
  const std::string vocab_file = directory + "/vocab.json", merges_file = directory + "/merges.txt";
  const std::string tokenizer_file = directory + "/tokenizer.json", config_file = directory + "/tokenizer_config.json";
  const std::string added_file = directory + "/added_tokens.json";
  const bool has_vocab = IsThere(vocab_file), has_merges = IsThere(merges_file);
  const bool has_tokenizer = IsThere(tokenizer_file);
  ASSIGN_OR_RETURN(auto has_added, HasAddedTokens(added_file));
  if (has_tokenizer && (has_added || (!has_vocab && !has_merges))) {
    ASSIGN_OR_RETURN(auto text, ReadFile(tokenizer_file));
    return ParseTokenizerJson(text, tokenizer_file);
  }
  if (!has_vocab && !has_merges) {
    return errors::NotFound(directory, ": neither vocab.json and merges.txt nor tokenizer.json");
  }
  if (has_added) {
    return errors::NotFound(tokenizer_file, ": no such file, but ", added_file, " names tokens that only it describes");
  }
  ASSIGN_OR_RETURN(auto vocab, ReadFile(vocab_file));
  ASSIGN_OR_RETURN(auto merges, ReadFile(merges_file));
  std::string config;
  if (IsThere(config_file)) {
    ASSIGN_OR_RETURN(config, ReadFile(config_file));
  }
  return ParseVocabJson(vocab, merges, config, directory);
}

}  // namespace roberta::tokenizer
