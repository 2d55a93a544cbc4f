// The two files of RobertaTokenizer: vocab.json and merges.txt, with the one setting of tokenizer_config.json that
// changes tokens.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/vocabulary.h"
#include "profiles/tokenizer/vocabulary_builder.h"

namespace roberta::tokenizer {

namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return absl::NotFoundError(absl::StrCat(path, ": no such file, or not readable"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<nlohmann::json> ParseFile(const std::string& text, const std::string& file) {
  absl::StatusOr<nlohmann::json> json = json::ParseStrictJson(text);
  if (!json.ok()) return absl::InvalidArgumentError(absl::StrCat(file, ": ", json.status().message()));
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
    absl::Status status = builder->AddMerge(line, file, absl::StrCat("line ", line_number));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

/// add_prefix_space of tokenizer_config.json; its other fields do not change tokens, or are the model's to know.
absl::StatusOr<bool> AddPrefixSpace(const std::string& tokenizer_config_json, const std::string& file) {
  if (tokenizer_config_json.empty()) return false;
  absl::StatusOr<nlohmann::json> config = ParseFile(tokenizer_config_json, file);
  if (!config.ok()) return config.status();
  if (!config->is_object()) return absl::InvalidArgumentError(absl::StrCat(file, ": not an object"));
  const auto found = config->find("add_prefix_space");
  if (found == config->end() || found->is_null()) return false;
  if (!found->is_boolean()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": add_prefix_space is ", json::ShownValue(*found), ", not true or false"));
  }
  return found->get<bool>();
}

/// added_tokens.json names tokens but not how they are found in text; only tokenizer.json says that. True if it names
/// any.
absl::StatusOr<bool> HasAddedTokens(const std::string& file) {
  if (!std::filesystem::exists(file)) return false;
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) return text.status();
  absl::StatusOr<nlohmann::json> tokens = ParseFile(*text, file);
  if (!tokens.ok()) return tokens.status();
  return !tokens->empty();
}

}  // namespace

absl::StatusOr<Vocabulary> ParseVocabJson(const std::string& vocab_json, const std::string& merges_txt,
                                          const std::string& tokenizer_config_json, const std::string& directory) {
  const std::string vocab_file = directory + "/vocab.json";
  absl::StatusOr<nlohmann::json> tokens = ParseFile(vocab_json, vocab_file);
  if (!tokens.ok()) return tokens.status();
  VocabularyBuilder builder;
  absl::Status status = builder.AddTokens(*tokens, vocab_file);
  if (status.ok()) status = AddMerges(merges_txt, directory + "/merges.txt", &builder);
  if (!status.ok()) return status;
  for (const char* content : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) {
    absl::StatusOr<int32_t> id = builder.IdOf(content, vocab_file);
    if (!id.ok()) return id.status();
    const AddedToken token = {.id = *id, .content = content, .lstrip = std::string_view(content) == "<mask>"};
    if (status = builder.AddAddedToken(token, vocab_file); !status.ok()) return status;
  }
  absl::StatusOr<bool> add_prefix_space = AddPrefixSpace(tokenizer_config_json, directory + "/tokenizer_config.json");
  if (!add_prefix_space.ok()) return add_prefix_space.status();
  Vocabulary& vocabulary = builder.vocabulary();
  vocabulary.add_prefix_space = *add_prefix_space;
  vocabulary.bos_id = *builder.IdOf("<s>", vocab_file);
  vocabulary.eos_id = *builder.IdOf("</s>", vocab_file);
  return builder.Finish(vocab_file);
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory) {
  const std::string vocab_file = directory + "/vocab.json", merges_file = directory + "/merges.txt";
  const std::string tokenizer_file = directory + "/tokenizer.json", config_file = directory + "/tokenizer_config.json";
  const std::string added_file = directory + "/added_tokens.json";
  const bool has_vocab = std::filesystem::exists(vocab_file), has_merges = std::filesystem::exists(merges_file);
  const bool has_tokenizer = std::filesystem::exists(tokenizer_file);
  absl::StatusOr<bool> has_added = HasAddedTokens(added_file);
  if (!has_added.ok()) return has_added.status();
  if (has_tokenizer && (*has_added || (!has_vocab && !has_merges))) {
    absl::StatusOr<std::string> text = ReadFile(tokenizer_file);
    if (!text.ok()) return text.status();
    return ParseTokenizerJson(*text, tokenizer_file);
  }
  if (!has_vocab && !has_merges) {
    return absl::NotFoundError(absl::StrCat(directory, ": neither vocab.json and merges.txt nor tokenizer.json"));
  }
  if (*has_added) {
    return absl::NotFoundError(
        absl::StrCat(tokenizer_file, ": no such file, but ", added_file, " names tokens that only it describes"));
  }
  absl::StatusOr<std::string> vocab = ReadFile(vocab_file);
  if (!vocab.ok()) return vocab.status();
  absl::StatusOr<std::string> merges = ReadFile(merges_file);
  if (!merges.ok()) return merges.status();
  absl::StatusOr<std::string> config = std::string();
  if (std::filesystem::exists(config_file)) config = ReadFile(config_file);
  if (!config.ok()) return config.status();
  return ParseVocabJson(*vocab, *merges, *config, directory);
}

}  // namespace roberta::tokenizer
