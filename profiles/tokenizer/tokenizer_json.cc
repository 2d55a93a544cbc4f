// tokenizer.json, the file of Hugging Face's `tokenizers`, as far as it describes RoBERTa's tokenizer; all else is
// refused by name.
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/vocabulary.h"
#include "profiles/tokenizer/vocabulary_builder.h"

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
    absl::Status status = CheckNormalizer(root);
    if (status.ok()) status = ReadModel(Field(root, "model"));
    if (status.ok()) status = ReadAddedTokens(Field(root, "added_tokens"));
    if (status.ok()) status = ReadPreTokenizer(Field(root, "pre_tokenizer"));
    if (status.ok()) status = ReadPostProcessor(Field(root, "post_processor"));
    if (!status.ok()) return status;
    return builder_.Finish(file_);
  }

 private:
  static const Json& Field(const Json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() ? *found : kNull;
  }

  absl::Status Wrong(const std::string& field, const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_, ": ", field, field.empty() ? "" : " ", what));
  }

  /// The field must be one of `allowed`.
  absl::Status Require(const Json& object, const std::string& path, const char* name,
                       std::initializer_list<Json> allowed) const {
    const Json& value = Field(object, name);
    for (const Json& one : allowed) {
      if (value == one) return absl::OkStatus();
    }
    return Wrong(absl::StrCat(path, name),
                 absl::StrCat("is ", json::ShownValue(value), ", but RoBERTa's tokenizer has ",
                              json::ShownValue(*allowed.begin())));
  }

  /// A boolean with Hugging Face's default.
  absl::Status ReadFlag(const Json& object, const std::string& path, const char* name, bool fallback,
                        bool* flag) const {
    const Json& value = Field(object, name);
    if (!value.is_null() && !value.is_boolean()) {
      return Wrong(absl::StrCat(path, name), absl::StrCat("is ", json::ShownValue(value), ", not true or false"));
    }
    *flag = value.is_null() ? fallback : value.get<bool>();
    return absl::OkStatus();
  }

  absl::Status CheckNormalizer(const Json& root) const { return Require(root, "", "normalizer", {kNull}); }

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
    for (const absl::Status& check : checks) {
      if (!check.ok()) return check;
    }
    absl::Status status = builder_.AddTokens(Field(model, "vocab"), file_);
    const Json& merges = Field(model, "merges");
    if (status.ok() && !merges.is_array()) return Wrong("model.merges", "is not a list");
    for (size_t i = 0; status.ok() && i < merges.size(); ++i)
      status = ReadMerge(merges[i], absl::StrCat("model.merges[", i, "]"));
    return status;
  }

  absl::Status ReadMerge(const Json& merge, const std::string& place) {
    if (merge.is_string()) return builder_.AddMerge(merge.get_ref<const std::string&>(), file_, place);
    if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
      return Wrong(place, absl::StrCat("is ", json::ShownValue(merge), ", not two tokens"));
    }
    return builder_.AddMerge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), file_,
                             place);
  }

  absl::Status ReadAddedTokens(const Json& tokens) {
    if (tokens.is_null()) return absl::OkStatus();
    if (!tokens.is_array()) return Wrong("added_tokens", "is not a list");
    for (size_t i = 0; i < tokens.size(); ++i) {
      absl::Status status = ReadAddedToken(tokens[i], absl::StrCat("added_tokens[", i, "]."));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadAddedToken(const Json& json, const std::string& path) {
    const Json &id = Field(json, "id"), &content = Field(json, "content");
    if (!id.is_number_unsigned() || id.get<uint64_t>() > 0x7FFFFFFF) {
      return Wrong(path + "id", absl::StrCat("is ", json::ShownValue(id), ", not an id"));
    }
    if (!content.is_string())
      return Wrong(path + "content", absl::StrCat("is ", json::ShownValue(content), ", not a string"));
    AddedToken token = {.id = id.get<int32_t>(), .content = content.get<std::string>()};
    bool special = false;
    const absl::Status checks[] = {ReadFlag(json, path, "single_word", false, &token.single_word),
                                   ReadFlag(json, path, "lstrip", false, &token.lstrip),
                                   ReadFlag(json, path, "rstrip", false, &token.rstrip),
                                   ReadFlag(json, path, "special", false, &special),
                                   ReadFlag(json, path, "normalized", !special, &token.normalized)};
    for (const absl::Status& check : checks) {
      if (!check.ok()) return check;
    }
    return builder_.AddAddedToken(std::move(token), file_);
  }

  absl::Status ReadPreTokenizer(const Json& pre_tokenizer) {
    absl::Status status = Require(pre_tokenizer, "pre_tokenizer.", "type", {"ByteLevel"});
    if (status.ok()) status = Require(pre_tokenizer, "pre_tokenizer.", "use_regex", {true, kNull});
    if (status.ok()) {
      status =
          ReadFlag(pre_tokenizer, "pre_tokenizer.", "add_prefix_space", true, &builder_.vocabulary().add_prefix_space);
    }
    return status;
  }

  absl::Status ReadPostProcessor(const Json& post_processor) {
    const std::string path = "post_processor.";
    Vocabulary& vocabulary = builder_.vocabulary();
    bool add_prefix_space = true;
    absl::Status status = Require(post_processor, path, "type", {"RobertaProcessing"});
    if (status.ok()) status = ReadSpecial(post_processor, path, "cls", &vocabulary.bos_id);
    if (status.ok()) status = ReadSpecial(post_processor, path, "sep", &vocabulary.eos_id);
    if (status.ok()) status = ReadFlag(post_processor, path, "trim_offsets", true, &vocabulary.trim_offsets);
    if (status.ok()) status = ReadFlag(post_processor, path, "add_prefix_space", true, &add_prefix_space);
    if (status.ok() && add_prefix_space != vocabulary.add_prefix_space) {
      return Wrong(path + "add_prefix_space", "differs from pre_tokenizer.add_prefix_space");
    }
    return status;
  }

  /// ["<s>", 0]
  absl::Status ReadSpecial(const Json& post_processor, const std::string& path, const char* name, int32_t* id) const {
    const Json& pair = Field(post_processor, name);
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_integer()) {
      return Wrong(path + name, absl::StrCat("is ", json::ShownValue(pair), ", not a token and its id"));
    }
    absl::StatusOr<int32_t> known = builder_.IdOf(pair[0].get<std::string>(), file_);
    if (!known.ok()) return known.status();
    if (pair[1] != *known) {
      return Wrong(path + name,
                   absl::StrCat("is ", json::ShownValue(pair), ", but the vocabulary gives that token ", *known));
    }
    *id = *known;
    return absl::OkStatus();
  }

  const std::string file_;
  VocabularyBuilder builder_;
};

}  // namespace

absl::StatusOr<Vocabulary> ParseTokenizerJson(const std::string& tokenizer_json, const std::string& file) {
  absl::StatusOr<Json> root = json::ParseStrictJson(tokenizer_json);
  if (!root.ok()) return absl::InvalidArgumentError(absl::StrCat(file, ": ", root.status().message()));
  return TokenizerJsonReader(file).Read(*root);
}

}  // namespace roberta::tokenizer
