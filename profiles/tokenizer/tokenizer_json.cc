// tokenizer.json, the file of Hugging Face's `tokenizers`, as far as it describes RoBERTa's tokenizer; all else is
// refused by name.
#include <initializer_list>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {
namespace {

using Json = nlohmann::json;

const Json kNull = nullptr;

/// Reads one tokenizer.json; the first problem is kept and ends the reading.
class TokenizerJsonReader {
 public:
  explicit TokenizerJsonReader(std::string file) : file_(std::move(file)) {}

  absl::StatusOr<Vocabulary> Read(const Json& root) {
    if (!root.is_object()) return Wrong("", "is not an object");
    RETURN_IF_ERROR(Require(root, "", "normalizer", {kNull}));
    RETURN_IF_ERROR(ReadModel(Field(root, "model")));
    RETURN_IF_ERROR(ReadAddedTokens(Field(root, "added_tokens")));
    RETURN_IF_ERROR(ReadPreTokenizer(Field(root, "pre_tokenizer")));
    RETURN_IF_ERROR(ReadPostProcessor(Field(root, "post_processor")));
    return builder_.Finish(file_);
  }

 private:
  static const Json& Field(const Json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() ? *found : kNull;
  }

  template <typename... What>
  absl::Status Wrong(const std::string& field, const What&... what) const {
    return errors::InvalidArgument(file_, ": ", field, field.empty() ? "" : " ", what...);
  }

  /// The field must be one of `allowed`.
  absl::Status Require(const Json& object, const std::string& path, const char* name,
                       std::initializer_list<Json> allowed) const {
    const Json& value = Field(object, name);
    for (const Json& one : allowed) {
      if (value == one) return absl::OkStatus();
    }
    return Wrong(path + name, "is ", json::ShownValue(value), ", but RoBERTa's tokenizer has ",
                 json::ShownValue(*allowed.begin()));
  }

  /// A boolean with Hugging Face's default.
  absl::Status ReadFlag(const Json& object, const std::string& path, const char* name, bool fallback,
                        bool* flag) const {
    const Json& value = Field(object, name);
    if (!value.is_null() && !value.is_boolean()) {
      return Wrong(path + name, "is ", json::ShownValue(value), ", not true or false");
    }
    *flag = value.is_null() ? fallback : value.get<bool>();
    return absl::OkStatus();
  }

  absl::Status ReadModel(const Json& model) {
    if (!model.is_object()) return Wrong("model", "is missing");
    const absl::Status checks[] = {
        Require(model, "model.", "type", {"BPE", kNull}),
        Require(model, "model.", "dropout", {kNull, 0.0}),
        Require(model, "model.", "unk_token", {kNull}),
        Require(model, "model.", "continuing_subword_prefix", {"", kNull}),
        Require(model, "model.", "end_of_word_suffix", {"", kNull}),
        Require(model, "model.", "fuse_unk", {false, kNull}),
        Require(model, "model.", "byte_fallback", {false, kNull}),
        Require(model, "model.", "ignore_merges", {false, kNull}),
    };
    for (const absl::Status& check : checks) RETURN_IF_ERROR(check);
    RETURN_IF_ERROR(builder_.AddTokens(Field(model, "vocab"), file_));
    const Json& merges = Field(model, "merges");
    if (!merges.is_array()) return Wrong("model.merges", "is not a list");
    for (size_t i = 0; i < merges.size(); ++i) {
      RETURN_IF_ERROR(ReadMerge(merges[i], absl::StrCat("model.merges[", i, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status ReadMerge(const Json& merge, const std::string& place) {
    if (merge.is_string()) return builder_.AddMerge(merge.get_ref<const std::string&>(), file_, place);
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
      return Wrong(place, "is ", json::ShownValue(merge), ", not two tokens");
    }
    return builder_.AddMerge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), file_,
                             place);
  }

  absl::Status ReadAddedTokens(const Json& tokens) {
    if (tokens.is_null()) return absl::OkStatus();
    if (!tokens.is_array()) return Wrong("added_tokens", "is not a list");
    for (size_t i = 0; i < tokens.size(); ++i) {
      RETURN_IF_ERROR(ReadAddedToken(tokens[i], absl::StrCat("added_tokens[", i, "].")));
    }
    return absl::OkStatus();
  }

  absl::Status ReadAddedToken(const Json& json, const std::string& path) {
    const Json &id = Field(json, "id"), &content = Field(json, "content");
    if (!id.is_number_unsigned() || id.get<uint64_t>() > 0x7FFFFFFF) {
      return Wrong(path + "id", "is ", json::ShownValue(id), ", not an id");
    }
    if (!content.is_string()) return Wrong(path + "content", "is ", json::ShownValue(content), ", not a string");
    AddedToken token = {.id = id.get<int32_t>(), .content = content.get<std::string>()};
    bool special = false;
    const absl::Status checks[] = {ReadFlag(json, path, "single_word", false, &token.single_word),
                                   ReadFlag(json, path, "lstrip", false, &token.lstrip),
                                   ReadFlag(json, path, "rstrip", false, &token.rstrip),
                                   ReadFlag(json, path, "special", false, &special),
                                   ReadFlag(json, path, "normalized", !special, &token.normalized)};
    for (const absl::Status& check : checks) RETURN_IF_ERROR(check);
    return builder_.AddAddedToken(std::move(token), file_);
  }

  absl::Status ReadPreTokenizer(const Json& pre_tokenizer) {
    RETURN_IF_ERROR(Require(pre_tokenizer, "pre_tokenizer.", "type", {"ByteLevel"}));
    RETURN_IF_ERROR(Require(pre_tokenizer, "pre_tokenizer.", "use_regex", {true, kNull}));
    return ReadFlag(pre_tokenizer, "pre_tokenizer.", "add_prefix_space", true, &builder_.vocabulary().add_prefix_space);
  }

  absl::Status ReadPostProcessor(const Json& post_processor) {
    const std::string path = "post_processor.";
    Vocabulary& vocabulary = builder_.vocabulary();
    bool add_prefix_space = true;
    RETURN_IF_ERROR(Require(post_processor, path, "type", {"RobertaProcessing"}));
    RETURN_IF_ERROR(ReadSpecial(post_processor, path, "cls", &vocabulary.bos_id));
    RETURN_IF_ERROR(ReadSpecial(post_processor, path, "sep", &vocabulary.eos_id));
    RETURN_IF_ERROR(ReadFlag(post_processor, path, "trim_offsets", true, &vocabulary.trim_offsets));
    RETURN_IF_ERROR(ReadFlag(post_processor, path, "add_prefix_space", true, &add_prefix_space));
    if (add_prefix_space == vocabulary.add_prefix_space) return absl::OkStatus();
    return Wrong(path + "add_prefix_space", "differs from pre_tokenizer.add_prefix_space");
  }

  /// ["<s>", 0]
  absl::Status ReadSpecial(const Json& post_processor, const std::string& path, const char* name, int32_t* id) const {
    const Json& pair = Field(post_processor, name);
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_integer()) {
      return Wrong(path + name, "is ", json::ShownValue(pair), ", not a token and its id");
    }
    ASSIGN_OR_RETURN(*id, builder_.IdOf(pair[0].get<std::string>(), file_));
    if (pair[1] == *id) return absl::OkStatus();
    return Wrong(path + name, "is ", json::ShownValue(pair), ", but the vocabulary gives that token ", *id);
  }

  const std::string file_;
  VocabularyBuilder builder_;
};

}  // namespace

absl::StatusOr<Vocabulary> ParseTokenizerJson(const std::string& tokenizer_json, const std::string& file) {
  const absl::StatusOr<Json> root = json::ParseStrictJson(tokenizer_json);
  if (!root.ok()) return errors::In(file, root.status());
  return TokenizerJsonReader(file).Read(*root);
}

}  // namespace roberta::tokenizer
