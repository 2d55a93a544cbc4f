// tokenizer.json, the file of Hugging Face's `tokenizers`, as far as it describes byte-level BPE; all else is refused
// by name.
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/utf8.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {
namespace {

using Json = nlohmann::json;
using Kind = NormalizerStep::Kind;

const Json kNull = nullptr;

const Json& Field(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNull;
}

constexpr std::pair<const char*, SplitStep::Behavior> kBehaviors[] = {
    {"Removed", SplitStep::Behavior::kRemoved},
    {"Isolated", SplitStep::Behavior::kIsolated},
    {"MergedWithPrevious", SplitStep::Behavior::kMergedWithPrevious},
    {"MergedWithNext", SplitStep::Behavior::kMergedWithNext},
    {"Contiguous", SplitStep::Behavior::kContiguous}};

constexpr std::pair<const char*, Kind> kPlainNormalizers[] = {{"Lowercase", Kind::kLowercase},
                                                              {"NFC", Kind::kNfc},
                                                              {"NFD", Kind::kNfd},
                                                              {"NFKC", Kind::kNfkc},
                                                              {"NFKD", Kind::kNfkd}};

constexpr size_t kDeepestSequence = 8;

/// Reads one tokenizer.json; the first problem ends the reading.
class TokenizerJsonReader {
 public:
  TokenizerJsonReader(const std::string& file, VocabularyBuilder* builder)
      : file_(file), builder_(*builder), vocabulary_(builder->vocabulary()) {}

  absl::Status Read(const Json& root) {
    if (!root.is_object()) return Wrong("", "is not an object");
    RETURN_IF_ERROR(ReadModel(Field(root, "model")));
    RETURN_IF_ERROR(ReadAddedTokens(Field(root, "added_tokens")));
    RETURN_IF_ERROR(
        InSequence(Field(root, "normalizer"), "normalizer", "normalizers", &TokenizerJsonReader::ReadNormalizer));
    RETURN_IF_ERROR(InSequence(Field(root, "pre_tokenizer"), "pre_tokenizer", "pretokenizers",
                               &TokenizerJsonReader::ReadPreTokenizer));
    if (!has_byte_level_) return Wrong("pre_tokenizer", "has no ByteLevel; only byte-level BPE is supported");
    return InSequence(Field(root, "post_processor"), "post_processor", "processors",
                      &TokenizerJsonReader::ReadPostProcessor);
  }

 private:
  using Step = absl::Status (TokenizerJsonReader::*)(const Json& step, const std::string& type,
                                                     const std::string& path);

  template <typename... What>
  absl::Status Wrong(const std::string& field, const What&... what) const {
    return errors::InvalidArgument(file_, ": ", field, field.empty() ? "" : " ", what...);
  }

  absl::Status NotSupported(const std::string& type, const std::string& path, const char* supported) const {
    return Wrong(path + ".type", "is ", json::Quoted(type), "; supported: ", supported);
  }

  absl::StatusOr<std::string> Text(const Json& object, const std::string& path, const char* name) const {
    const Json& value = Field(object, name);
    if (!value.is_string()) return Wrong(path + "." + name, "is ", json::ShownValue(value), ", not a string");
    return value.get<std::string>();
  }

  /// Reads a step, or every step of a Sequence, whose list has that name. Null is no step.
  absl::Status InSequence(const Json& step, const std::string& path, const char* list, Step read, size_t depth = 0) {
    if (step.is_null()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto type, Text(step, path, "type"));
    if (type != "Sequence") return (this->*read)(step, type, path);
    const Json& steps = Field(step, list);
    if (!steps.is_array() || depth == kDeepestSequence) {
      return Wrong(path + "." + list, "is ", json::ShownValue(steps), ", not a list nested at most ", kDeepestSequence,
                   " times");
    }
    for (size_t i = 0; i < steps.size(); ++i) {
      RETURN_IF_ERROR(InSequence(steps[i], absl::StrCat(path, ".", list, "[", i, "]"), list, read, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status ReadModel(const Json& model) {
    if (!model.is_object()) return Wrong("model", "is missing");
    const auto must_be = [&](const char* name, std::initializer_list<Json> allowed) {
      const Json& value = Field(model, name);
      for (const Json& one : allowed) {
        if (value == one) return absl::OkStatus();
      }
      return Wrong(absl::StrCat("model.", name), "is ", json::ShownValue(value),
                   "; supported: ", json::ShownValue(*allowed.begin()));
    };
    RETURN_IF_ERROR(must_be("type", {"BPE", kNull}));
    RETURN_IF_ERROR(must_be("dropout", {kNull, 0.0}));
    RETURN_IF_ERROR(must_be("continuing_subword_prefix", {"", kNull}));
    RETURN_IF_ERROR(must_be("end_of_word_suffix", {"", kNull}));
    ASSIGN_OR_RETURN(vocabulary_.ignore_merges, ReadFlag(model, "ignore_merges", false, file_, "model."));
    ASSIGN_OR_RETURN(vocabulary_.fuse_unknown, ReadFlag(model, "fuse_unk", false, file_, "model."));
    RETURN_IF_ERROR(builder_.AddTokens(Field(model, "vocab"), file_));
    if (!builder_.HasAllBytes()) RETURN_IF_ERROR(must_be("byte_fallback", {false, kNull}));
    if (const Json& unknown = Field(model, "unk_token"); unknown.is_string()) {
      vocabulary_.unknown_id = builder_.FindId(unknown.get<std::string>()).value_or(-1);
    }
    const Json& merges = Field(model, "merges");
    if (!merges.is_array()) return Wrong("model.merges", "is not a list");
    for (size_t i = 0; i < merges.size(); ++i) {
      const std::string place = absl::StrCat("model.merges[", i, "]");
      if (merges[i].type() != merges[0].type())
        return Wrong(place, "is ", json::ShownValue(merges[i]), ", unlike the first");
      RETURN_IF_ERROR(ReadMerge(merges[i], place));
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
      const std::string path = absl::StrCat("added_tokens[", i, "].");
      ASSIGN_OR_RETURN(auto token, ReadAddedToken(tokens[i], file_, path));
      const Json& id = Field(tokens[i], "id");
      if (!id.is_number_unsigned()) return Wrong(path + "id", "is ", json::ShownValue(id), ", not an id");
      if (token.content.empty()) continue;
      const std::string content = token.content;
      if (const int32_t given = builder_.AddAddedToken(std::move(token)); id != given) {
        vocabulary_.notes.push_back(absl::StrCat(file_, ": added token ", json::Quoted(content), " has id ",
                                                 json::ShownValue(id), ", but its content gives it ", given));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<const Pattern>> ReadPattern(const Json& step, const std::string& path) const {
    const Json& pattern = Field(step, "pattern");
    for (const char* name : {"String", "Regex"}) {
      const Json& text = Field(pattern, name);
      if (!text.is_string()) continue;
      const auto& expression = text.get_ref<const std::string&>();
      auto compiled = *name == 'S' ? Pattern::Literal(expression) : Pattern::Regex(expression);
      if (compiled.ok()) return std::make_shared<const Pattern>(*std::move(compiled));
      return Wrong(absl::StrCat(path, ".pattern.", name), json::Quoted(expression), ": ", compiled.status().message());
    }
    return Wrong(path + ".pattern", "is ", json::ShownValue(pattern), ", not a String or a Regex");
  }

  absl::Status ReadNormalizer(const Json& step, const std::string& type, const std::string& path) {
    std::vector<NormalizerStep>& steps = vocabulary_.normalizer;
    for (const auto& [name, kind] : kPlainNormalizers) {
      if (type == name) return Add(&steps, {.kind = kind});
    }
    if (type == "Strip") {
      ASSIGN_OR_RETURN(const bool left, ReadFlag(step, "strip_left", true, file_, path + "."));
      ASSIGN_OR_RETURN(const bool right, ReadFlag(step, "strip_right", true, file_, path + "."));
      if (left) steps.push_back({.kind = Kind::kStripLeft});
      if (right) steps.push_back({.kind = Kind::kStripRight});
      return absl::OkStatus();
    }
    if (type == "Prepend") {
      ASSIGN_OR_RETURN(auto content, Text(step, path, "prepend"));
      if (content.empty()) return Wrong(path + ".prepend", "is empty");
      return Add(&steps, {.kind = Kind::kPrepend, .content = std::move(content)});
    }
    if (type != "Replace") {
      return NotSupported(type, path, "Lowercase, NFC, NFD, NFKC, NFKD, Strip, Prepend, Replace, Sequence");
    }
    ASSIGN_OR_RETURN(auto pattern, ReadPattern(step, path));
    if (pattern->MayBeEmpty()) return Wrong(path + ".pattern", "may match nothing, which cannot be replaced");
    ASSIGN_OR_RETURN(auto content, Text(step, path, "content"));
    return Add(&steps, {.kind = Kind::kReplace, .content = std::move(content), .pattern = std::move(pattern)});
  }

  template <typename T>
  static absl::Status Add(std::vector<T>* steps, T step) {
    steps->push_back(std::move(step));
    return absl::OkStatus();
  }

  absl::Status ReadPreTokenizer(const Json& step, const std::string& type, const std::string& path) {
    if (has_byte_level_) return Wrong(path, "comes after ByteLevel, which must be the last");
    if (type == "ByteLevel") {
      has_byte_level_ = true;
      ASSIGN_OR_RETURN(vocabulary_.add_prefix_space, ReadFlag(step, "add_prefix_space", true, file_, path + "."));
      ASSIGN_OR_RETURN(vocabulary_.split_words, ReadFlag(step, "use_regex", true, file_, path + "."));
      return absl::OkStatus();
    }
    if (type == "Digits") {
      ASSIGN_OR_RETURN(const bool alone, ReadFlag(step, "individual_digits", false, file_, path + "."));
      return Add(&vocabulary_.splits,
                 {.behavior = alone ? SplitStep::Behavior::kIsolated : SplitStep::Behavior::kContiguous});
    }
    if (type != "Split") return NotSupported(type, path, "ByteLevel, Split, Digits, Sequence");
    SplitStep split = {.behavior = SplitStep::Behavior::kIsolated};
    ASSIGN_OR_RETURN(split.pattern, ReadPattern(step, path));
    ASSIGN_OR_RETURN(split.invert, ReadFlag(step, "invert", false, file_, path + "."));
    ASSIGN_OR_RETURN(const auto behavior, Text(step, path, "behavior"));
    for (const auto& [name, value] : kBehaviors) {
      if (behavior != name) continue;
      split.behavior = value;
      return Add(&vocabulary_.splits, std::move(split));
    }
    return Wrong(path + ".behavior", "is ", json::Quoted(behavior), ", which is not known");
  }

  absl::Status ReadPostProcessor(const Json& step, const std::string& type, const std::string& path) {
    if (type == "ByteLevel" || type == "RobertaProcessing") {
      ASSIGN_OR_RETURN(vocabulary_.trim_offsets, ReadFlag(step, "trim_offsets", true, file_, path + "."));
      ASSIGN_OR_RETURN(vocabulary_.trim_keeps_prefix_space,
                       ReadFlag(step, "add_prefix_space", true, file_, path + "."));
      if (type == "ByteLevel") return absl::OkStatus();
    }
    if (has_template_) return Wrong(path, "adds special tokens, as a step before it does");
    has_template_ = true;
    if (type == "RobertaProcessing") {
      ASSIGN_OR_RETURN(const int32_t cls, ReadSpecial(step, path, "cls"));
      ASSIGN_OR_RETURN(const int32_t sep, ReadSpecial(step, path, "sep"));
      vocabulary_.single = {cls, kTextPlace, sep};
      vocabulary_.pair = {cls, kTextPlace, sep, sep, kPairPlace, sep};
      return absl::OkStatus();
    }
    if (type != "TemplateProcessing") {
      return NotSupported(type, path, "RobertaProcessing, TemplateProcessing, ByteLevel, Sequence");
    }
    RETURN_IF_ERROR(ReadTemplate(step, path, "single", 1, &vocabulary_.single));
    return ReadTemplate(step, path, "pair", 2, &vocabulary_.pair);
  }

  absl::StatusOr<int32_t> ReadId(const Json& id, const std::string& field) const {
    const bool is_id = id.is_number_unsigned() && id < vocabulary_.tokens.size();
    if (is_id) return id.get<int32_t>();
    return Wrong(field, "is ", json::ShownValue(id), ", which is not the id of a token");
  }

  /// ["<s>", 0]
  absl::StatusOr<int32_t> ReadSpecial(const Json& step, const std::string& path, const char* name) const {
    const Json& pair = Field(step, name);
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string()) {
      return Wrong(absl::StrCat(path, ".", name), "is ", json::ShownValue(pair), ", not a token and its id");
    }
    return ReadId(pair[1], absl::StrCat(path, ".", name, "[1]"));
  }

  /// [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, ...], each of `texts` sequences once.
  absl::Status ReadTemplate(const Json& step, const std::string& path, const std::string& name, size_t texts,
                            std::vector<int32_t>* places) const {
    const std::string where = path + "." + name;
    const Json& list = Field(step, name.c_str());
    std::array<size_t, 2> times = {0, 0};
    places->clear();
    for (size_t i = 0; list.is_array() && i < list.size(); ++i) {
      const std::string place = absl::StrCat(where, "[", i, "]");
      if (const Json& sequence = Field(list[i], "Sequence"); !sequence.is_null()) {
        const Json& id = Field(sequence, "id");
        if (id != "A" && id != "B") return Wrong(place, "is ", json::ShownValue(list[i]), ", not A or B");
        ++times[id == "A" ? 0 : 1];
        places->push_back(id == "A" ? kTextPlace : kPairPlace);
        continue;
      }
      ASSIGN_OR_RETURN(const auto token, Text(Field(list[i], "SpecialToken"), place + ".SpecialToken", "id"));
      const Json& ids = Field(Field(Field(step, "special_tokens"), token.c_str()), "ids");
      if (!ids.is_array()) return Wrong(place, "names ", json::Quoted(token), ", which special_tokens does not have");
      for (const Json& id : ids) {
        ASSIGN_OR_RETURN(places->emplace_back(), ReadId(id, absl::StrCat(path, ".special_tokens")));
      }
    }
    if (times[0] == 1 && times[1] == texts - 1) return absl::OkStatus();
    return Wrong(where, "is ", json::ShownValue(list), ", which must have ",
                 texts == 1 ? "the sequence A once" : "the sequences A and B once each");
  }

  const std::string& file_;
  VocabularyBuilder& builder_;
  Vocabulary& vocabulary_;
  bool has_byte_level_ = false, has_template_ = false;
};

}  // namespace

absl::StatusOr<bool> ReadFlag(const Json& object, const char* name, bool fallback, const std::string& file,
                              const std::string& path) {
  const Json& value = Field(object, name);
  if (value.is_null()) return fallback;
  if (value.is_boolean()) return value.get<bool>();
  return errors::InvalidArgument(file, ": ", path, name, " is ", json::ShownValue(value), ", not true or false");
}

absl::StatusOr<AddedToken> ReadAddedToken(const Json& json, const std::string& file, const std::string& path) {
  const Json& content = Field(json, "content");
  if (!content.is_string()) {
    return errors::InvalidArgument(file, ": ", path, "content is ", json::ShownValue(content), ", not a string");
  }
  AddedToken token = {.content = content.get<std::string>()};
  ASSIGN_OR_RETURN(token.single_word, ReadFlag(json, "single_word", false, file, path));
  ASSIGN_OR_RETURN(token.lstrip, ReadFlag(json, "lstrip", false, file, path));
  ASSIGN_OR_RETURN(token.rstrip, ReadFlag(json, "rstrip", false, file, path));
  ASSIGN_OR_RETURN(token.special, ReadFlag(json, "special", false, file, path));
  ASSIGN_OR_RETURN(token.normalized, ReadFlag(json, "normalized", !token.special, file, path));
  return token;
}

absl::Status ReadTokenizerJson(const Json& root, const std::string& file, VocabularyBuilder* builder) {
  return TokenizerJsonReader(file, builder).Read(root);
}

}  // namespace roberta::tokenizer
