// The two files of RobertaTokenizer: vocab.json and merges.txt, with the one setting of tokenizer_config.json that
// changes tokens.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/vocabulary.h"
#include "profiles/tokenizer/vocabulary_builder.h"

namespace roberta::tokenizer {
namespace {

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
  if (!std::filesystem::exists(file)) return false;
  ASSIGN_OR_RETURN(auto text, ReadFile(file));
  ASSIGN_OR_RETURN(auto tokens, ParseFile(text, file));
  return !tokens.empty();
}

}  // namespace

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
    if (absl::Status status = builder.AddAddedToken(token, vocab_file); !status.ok()) return status;
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
  const bool has_vocab = std::filesystem::exists(vocab_file), has_merges = std::filesystem::exists(merges_file);
  const bool has_tokenizer = std::filesystem::exists(tokenizer_file);
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
  if (std::filesystem::exists(config_file)) {
    ASSIGN_OR_RETURN(config, ReadFile(config_file));
  }
  return ParseVocabJson(vocab, merges, config, directory);
}

}  // namespace roberta::tokenizer
