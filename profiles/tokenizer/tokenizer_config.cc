// What AutoTokenizer of Hugging Face's `transformers` makes of a directory: tokenizer.json where it is there, else
// vocab.json and merges.txt, with what tokenizer_config.json and the older files beside it say about them.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {
namespace {

using Json = nlohmann::json;

/// How a tokenizer_class reads the files.
enum class ClassKind {
  kRoberta,   ///< `<s> text </s>`
  kGpt2,      ///< the text alone, unless tokenizer.json says otherwise
  kWholeFile  ///< tokenizer.json as it stands
};
constexpr std::pair<const char*, ClassKind> kClasses[] = {
    {"RobertaTokenizer", ClassKind::kRoberta},      {"BartTokenizer", ClassKind::kRoberta},
    {"LongformerTokenizer", ClassKind::kRoberta},   {"GPT2Tokenizer", ClassKind::kGpt2},
    {"PreTrainedTokenizer", ClassKind::kWholeFile}, {"TokenizersBackend", ClassKind::kWholeFile}};

/// The named special tokens, in the order in which `transformers` adds them, with their content by default.
struct SpecialName {
  const char *name, *roberta, *gpt2;
};
constexpr SpecialName kSpecialNames[] = {
    {"bos_token", "<s>", "<|endoftext|>"},   {"eos_token", "</s>", "<|endoftext|>"},
    {"unk_token", "<unk>", "<|endoftext|>"}, {"sep_token", "</s>", nullptr},
    {"pad_token", "<pad>", nullptr},         {"cls_token", "<s>", nullptr},
    {"mask_token", "<mask>", nullptr}};

/// model_max_length from here on means that there is none; `transformers` writes 1e30.
constexpr double kNoLimit = 1e9;

absl::StatusOr<Json> ParseFile(const std::optional<std::string>& text, const std::string& file) {
  if (!text) return Json::object();
  absl::StatusOr<Json> json = json::ParsePythonJson(*text);
  if (!json.ok()) return errors::In(file, json.status());
  return json;
}

absl::Status AddMerges(const std::string& merges_txt, const std::string& file, VocabularyBuilder* builder) {
  size_t line_number = 0;
  for (size_t begin = 0; begin < merges_txt.size();) {
    const size_t end = std::min(merges_txt.find('\n', begin), merges_txt.size());
    std::string_view line(merges_txt.data() + begin, end - begin);
    if (line_number == 0 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.starts_with("#version")) continue;
    RETURN_IF_ERROR(builder->AddMerge(line, file, absl::StrCat("line ", line_number)));
  }
  return absl::OkStatus();
}

/// Reads the files of one directory.
class DirectoryReader {
 public:
  explicit DirectoryReader(const TokenizerFiles& files) : files_(files) {}

  absl::StatusOr<Vocabulary> Read() {
    ASSIGN_OR_RETURN(config_, ParseFile(files_.tokenizer_config_json, config_file_));
    if (!config_.is_object()) return errors::InvalidArgument(config_file_, ": is not an object");
    RETURN_IF_ERROR(ReadClass());
    ASSIGN_OR_RETURN(add_prefix_space_, ReadFlag(config_, "add_prefix_space", false, config_file_, ""));
    const bool has_tokenizer_json = files_.tokenizer_json.has_value();
    RETURN_IF_ERROR(has_tokenizer_json ? ReadFile() : ReadVocabAndMerges());
    RETURN_IF_ERROR(AddTokens());
    if (kind_ == ClassKind::kRoberta && !as_version_4_) RETURN_IF_ERROR(WrapAsRoberta());
    ASSIGN_OR_RETURN(vocabulary_.split_special_tokens,
                     ReadFlag(config_, "split_special_tokens", false, config_file_, ""));
    RETURN_IF_ERROR(ReadMaxLength());
    return builder_.Finish(has_tokenizer_json ? tokenizer_file_ : vocab_file_);
  }

 private:
  const Json* Find(const char* name) const {
    const auto found = config_.find(name);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }
  template <typename... What>
  void Note(const What&... what) {
    vocabulary_.notes.push_back(absl::StrCat(errors::Piece(what)...));
  }

  absl::Status ReadClass() {
    ASSIGN_OR_RETURN(const auto model, ParseFile(files_.config_json, files_.directory + "/config.json"));
    const Json* name = Find("tokenizer_class");
    const auto of_model = model.is_object() ? model.find("tokenizer_class") : model.end();
    if (name == nullptr && of_model != model.end() && !of_model->is_null()) name = &*of_model;
    if (name == nullptr) return absl::OkStatus();
    if (name->is_string()) {
      std::string_view wanted = name->get_ref<const std::string&>();
      if (wanted.ends_with("Fast")) wanted.remove_suffix(4);
      for (const auto& [known, kind] : kClasses) {
        if (wanted != known) continue;
        kind_ = kind;
        return absl::OkStatus();
      }
    }
    std::string supported;
    for (const auto& [known, kind] : kClasses) absl::StrAppend(&supported, supported.empty() ? "" : ", ", known);
    return errors::InvalidArgument(config_file_, ": tokenizer_class is ", json::ShownValue(*name),
                                   "; supported: ", supported);
  }

  absl::Status ReadFile() {
    ASSIGN_OR_RETURN(root_, ParseFile(files_.tokenizer_json, tokenizer_file_));
    RETURN_IF_ERROR(ReadTokenizerJson(root_, tokenizer_file_, &builder_));
    const Json& pre_tokenizer = root_["pre_tokenizer"];
    if (kind_ == ClassKind::kWholeFile) {
      if (vocabulary_.add_prefix_space != add_prefix_space_) {
        Note(tokenizer_file_, ": add_prefix_space is ", vocabulary_.add_prefix_space ? "true" : "false",
             ", as for transformers 5; transformers 4 takes that of tokenizer_config.json, or false");
      }
      return absl::OkStatus();
    }
    const bool plain_words = pre_tokenizer["type"] == "ByteLevel" && vocabulary_.split_words;
    if (pre_tokenizer["type"] == "ByteLevel") vocabulary_.add_prefix_space = add_prefix_space_;
    const bool unknown_occurs = vocabulary_.unknown_id >= 0 && !builder_.HasAllBytes();
    const bool other_ends = kind_ == ClassKind::kRoberta && root_["post_processor"]["type"] != "RobertaProcessing";
    as_version_4_ =
        !vocabulary_.normalizer.empty() || !plain_words || vocabulary_.ignore_merges || unknown_occurs || other_ends;
    if (as_version_4_) {
      Note(tokenizer_file_, ": all of it holds, as for transformers 4 and tokenizers; for this tokenizer_class, ",
           "transformers 5 drops what RoBERTa's tokenizer does not have (PreTrainedTokenizerFast keeps it)");
    }
    return absl::OkStatus();
  }

  absl::Status ReadVocabAndMerges() {
    if (kind_ == ClassKind::kWholeFile) {
      return errors::NotFound(tokenizer_file_, ": no such file, but tokenizer_class needs it");
    }
    ASSIGN_OR_RETURN(const auto tokens, ParseFile(files_.vocab_json, vocab_file_));
    RETURN_IF_ERROR(builder_.AddTokens(tokens, vocab_file_));
    RETURN_IF_ERROR(AddMerges(files_.merges_txt.value_or(""), files_.directory + "/merges.txt", &builder_));
    vocabulary_.add_prefix_space = add_prefix_space_;
    return absl::OkStatus();
  }

  /// Adds what the files beside tokenizer.json or vocab.json say about added tokens.
  absl::Status AddTokens() {
    const Json* decoder = Find("added_tokens_decoder");
    std::map<int64_t, AddedToken> listed;
    RETURN_IF_ERROR(decoder != nullptr ? ReadDecoder(*decoder, &listed) : ReadSpecialTokensMap());
    if (decoder != nullptr && kind_ != ClassKind::kWholeFile) NoteTokensOfFileAlone(listed);
    std::vector<AddedToken> special;
    RETURN_IF_ERROR(ReadSpecialTokens(&special));
    if (decoder == nullptr) {
      RETURN_IF_ERROR(ReadAddedTokensJson(special, &listed));
      if (root_.contains("added_tokens")) {  // which take the place of those with their ids
        for (const Json& token : root_["added_tokens"]) listed.erase(token["id"].get<int64_t>());
      }
    }
    const std::string mask = named_["mask_token"];
    const bool mask_is_told = builder_.IsAdded(mask) && IsListed(listed, mask);
    for (const auto& [id, token] : listed) {
      // tokenizer.json has the last word about its own tokens unless there is a decoder.
      if (token.content.empty() || (decoder == nullptr && builder_.IsAdded(token.content))) continue;
      if (const int32_t given = builder_.AddAddedToken(token); given != id) {
        Note(decoder != nullptr ? config_file_ : added_file_, ": added token ", json::Quoted(token.content), " has id ",
             id, ", but its content gives it ", given);
      }
    }
    for (const AddedToken& token : special) {
      if (!token.content.empty() && !builder_.IsAdded(token.content)) builder_.AddAddedToken(token);
    }
    if (kind_ != ClassKind::kRoberta) return absl::OkStatus();
    if (!as_version_4_) {
      NoteMask();
    } else if (const auto given = config_.find("mask_token");
               !mask_is_told && (given == config_.end() || given->is_string())) {
      builder_.AddAddedToken({.content = mask, .lstrip = true, .special = true});
    }
    return absl::OkStatus();
  }

  static bool IsListed(const std::map<int64_t, AddedToken>& listed, const std::string& content) {
    return std::any_of(listed.begin(), listed.end(),
                       [&](const auto& other) { return other.second.content == content; });
  }

  void NoteTokensOfFileAlone(const std::map<int64_t, AddedToken>& listed) {
    for (const AddedToken& token : vocabulary_.added_tokens) {
      if (IsListed(listed, token.content)) continue;
      as_version_4_ = true;
      Note(tokenizer_file_, ": added token ", json::Quoted(token.content),
           " holds, as for transformers 4 and tokenizers; ", "transformers 5 takes only those of added_tokens_decoder");
    }
  }

  void NoteMask() {
    const auto content = named_.find("mask_token");
    for (const AddedToken& token : vocabulary_.added_tokens) {
      if (content == named_.end() || token.content != content->second || (token.lstrip && !token.rstrip)) continue;
      Note(files_.directory, ": ", json::Quoted(token.content), token.lstrip ? " takes" : " leaves",
           " the space before it, as for transformers 5; transformers 4 lets it take that and no other");
    }
  }

  absl::Status ReadDecoder(const Json& decoder, std::map<int64_t, AddedToken>* listed) const {
    if (!decoder.is_object()) {
      return errors::InvalidArgument(config_file_, ": added_tokens_decoder is ", json::ShownValue(decoder),
                                     ", not an object");
    }
    for (const auto& [key, value] : decoder.items()) {
      int64_t id = 0;
      if (!absl::SimpleAtoi(key, &id) || id < 0) {
        return errors::InvalidArgument(config_file_, ": added_tokens_decoder has key ", json::Quoted(key),
                                       ", not an id");
      }
      ASSIGN_OR_RETURN((*listed)[id], ReadAddedToken(value, config_file_,
                                                     absl::StrCat("added_tokens_decoder.", json::Escaped(key), ".")));
    }
    return absl::OkStatus();
  }

  /// special_tokens_map.json, whose fields come before those of tokenizer_config.json.
  absl::Status ReadSpecialTokensMap() {
    ASSIGN_OR_RETURN(const auto map, ParseFile(files_.special_tokens_map_json, map_file_));
    if (!map.is_object()) return errors::InvalidArgument(map_file_, ": is not an object");
    for (const auto& [name, value] : map.items()) {
      config_[name] = value;
      if (value.is_object()) config_[name]["special"] = true;
    }
    return absl::OkStatus();
  }

  /// {"[X]": 262}: the names, of which those of special tokens are special.
  absl::Status ReadAddedTokensJson(const std::vector<AddedToken>& special,
                                   std::map<int64_t, AddedToken>* listed) const {
    ASSIGN_OR_RETURN(const auto tokens, ParseFile(files_.added_tokens_json, added_file_));
    if (!tokens.is_object()) return errors::InvalidArgument(added_file_, ": is not an object");
    for (const auto& [content, id] : tokens.items()) {
      if (!id.is_number_unsigned() || id > 0x7FFFFFFF) {
        return errors::InvalidArgument(added_file_, ": token ", json::Quoted(content), " has id ", json::ShownValue(id),
                                       ", not an id");
      }
      const bool is_special =
          std::any_of(special.begin(), special.end(),
                      [&content = content](const AddedToken& token) { return token.content == content; });
      (*listed)[id.get<int64_t>()] = {.content = content, .normalized = !is_special, .special = is_special};
    }
    return absl::OkStatus();
  }

  /// A special token is a string, or an object as an added token is.
  absl::StatusOr<AddedToken> ReadSpecial(const std::string& name, const Json& value) const {
    if (value.is_string()) return AddedToken{.content = value.get<std::string>(), .special = true};
    if (!value.is_object()) {
      return errors::InvalidArgument(config_file_, ": ", json::Escaped(name), " is ", json::ShownValue(value),
                                     ", not a token");
    }
    ASSIGN_OR_RETURN(auto token, ReadAddedToken(value, config_file_, absl::StrCat(json::Escaped(name), ".")));
    token.special = true;
    return token;
  }

  absl::Status ReadSpecialTokens(std::vector<AddedToken>* special) {
    for (const auto& [name, roberta, gpt2] : kSpecialNames) {
      const char* content = kind_ == ClassKind::kRoberta ? roberta : kind_ == ClassKind::kGpt2 ? gpt2 : nullptr;
      if (const auto found = config_.find(name); found != config_.end()) {
        if (found->is_null()) continue;
        ASSIGN_OR_RETURN(special->emplace_back(), ReadSpecial(name, *found));
      } else if (content != nullptr) {
        special->push_back({.content = content, .special = true});
      } else {
        continue;
      }
      named_[name] = special->back().content;
    }
    for (const auto& [name, value] : config_.items()) {
      const bool is_named = std::any_of(std::begin(kSpecialNames), std::end(kSpecialNames),
                                        [&name = name](const SpecialName& known) { return name == known.name; });
      if (is_named || as_version_4_ || !name.ends_with("_token") || !value.is_string()) continue;
      special->push_back({.content = value.get<std::string>(), .special = true});
      Note(config_file_, ": ", name, " is a special token, as for transformers 5, and not for 4");
    }
    for (const char* list : {"extra_special_tokens", "additional_special_tokens"}) {
      const Json* tokens = Find(list);
      if (tokens == nullptr) continue;
      for (const auto& [name, token] : tokens->items()) {
        ASSIGN_OR_RETURN(special->emplace_back(), ReadSpecial(absl::StrCat(list, ".", name), token));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int32_t> NamedId(const char* name) const {
    const auto content = named_.find(name);
    if (content == named_.end()) return errors::InvalidArgument(config_file_, ": ", name, " is null");
    const std::optional<int32_t> id = builder_.FindId(content->second);
    if (id) return *id;
    return errors::InvalidArgument(config_file_, ": ", name, " is ", json::Quoted(content->second),
                                   ", which is no token");
  }

  absl::Status WrapAsRoberta() {
    ASSIGN_OR_RETURN(const int32_t cls, NamedId("cls_token"));
    ASSIGN_OR_RETURN(const int32_t sep, NamedId("sep_token"));
    std::vector<int32_t> single = {cls, kTextPlace, sep};
    if (!root_.is_null() && single != vocabulary_.single) {
      Note(config_file_, ": cls_token and sep_token hold, as for transformers 5, and not those of ", tokenizer_file_);
    }
    vocabulary_.single = std::move(single);
    vocabulary_.pair = {cls, kTextPlace, sep, sep, kPairPlace, sep};
    ASSIGN_OR_RETURN(vocabulary_.trim_offsets, ReadFlag(config_, "trim_offsets", true, config_file_, ""));
    vocabulary_.trim_keeps_prefix_space = add_prefix_space_;
    return absl::OkStatus();
  }

  absl::Status ReadMaxLength() {
    const Json* length = Find("model_max_length");
    if (length == nullptr) length = Find("max_len");
    if (length == nullptr) return absl::OkStatus();
    if (!length->is_number()) {
      return errors::InvalidArgument(config_file_, ": model_max_length is ", json::ShownValue(*length),
                                     ", not a number");
    }
    const double value = length->get<double>();
    if (value >= 1 && value < kNoLimit) vocabulary_.model_max_length = static_cast<size_t>(value);
    return absl::OkStatus();
  }

  const TokenizerFiles& files_;
  const std::string tokenizer_file_ = files_.directory + "/tokenizer.json";
  const std::string vocab_file_ = files_.directory + "/vocab.json";
  const std::string config_file_ = files_.directory + "/tokenizer_config.json";
  const std::string map_file_ = files_.directory + "/special_tokens_map.json";
  const std::string added_file_ = files_.directory + "/added_tokens.json";
  Json config_, root_;
  ClassKind kind_ = ClassKind::kRoberta;
  bool add_prefix_space_ = false;
  bool as_version_4_ = false;                 ///< of transformers; else 5, where they differ
  std::map<std::string, std::string> named_;  ///< content of the named special tokens
  VocabularyBuilder builder_;
  Vocabulary& vocabulary_ = builder_.vocabulary();
};

/// The text of a file, if it is there.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& path) {
  std::error_code failure;
  if (std::filesystem::symlink_status(path, failure).type() == std::filesystem::file_type::not_found) {
    return std::nullopt;
  }
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return errors::NotFound(path, ": not a file, or not readable");
  std::string text(std::istreambuf_iterator<char>(file), {});
  const std::string_view mistaken = json::MistakenContent(text);
  if (!mistaken.empty()) return errors::InvalidArgument(path, ": is ", mistaken);
  return text;
}

}  // namespace

absl::StatusOr<Vocabulary> ParseVocabulary(const TokenizerFiles& files) {
  return DirectoryReader(files).Read();
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory) {
  TokenizerFiles files = {.directory = directory};
  const std::pair<const char*, std::optional<std::string>*> wanted[] = {
      {"tokenizer.json", &files.tokenizer_json},
      {"vocab.json", &files.vocab_json},
      {"merges.txt", &files.merges_txt},
      {"tokenizer_config.json", &files.tokenizer_config_json},
      {"special_tokens_map.json", &files.special_tokens_map_json},
      {"added_tokens.json", &files.added_tokens_json},
      {"config.json", &files.config_json}};
  for (const auto& [name, text] : wanted) {
    ASSIGN_OR_RETURN(*text, ReadIfThere(absl::StrCat(directory, "/", name)));
  }
  if (files.tokenizer_json || (files.vocab_json && files.merges_txt)) return ParseVocabulary(files);
  if (!files.vocab_json && !files.merges_txt) {
    return errors::NotFound(directory, ": neither vocab.json and merges.txt nor tokenizer.json");
  }
  return errors::NotFound(directory, files.vocab_json ? "/merges.txt" : "/vocab.json", ": no such file");
}

}  // namespace roberta::tokenizer
