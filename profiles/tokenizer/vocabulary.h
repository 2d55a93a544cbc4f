#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/tokenizer/normalizer.h"
#include "profiles/tokenizer/split.h"

namespace roberta::tokenizer {

/// Two tokens that become one; the earlier in the list, the sooner.
struct Merge {
  int32_t left, right, result;
};

/// A token that is found in the text before anything else is done with it (Hugging Face's AddedToken).
struct AddedToken {
  int32_t id = 0;
  std::string content;       ///< UTF-8, not empty
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< swallows white space before it
  bool rstrip = false;       ///< swallows white space after it
  bool normalized = false;   ///< looked for after those that are not, in normalized text
  bool special = false;      ///< ordinary text where Vocabulary::split_special_tokens
};

/// Places of the texts in a template of ids; see Vocabulary::single.
inline constexpr int32_t kTextPlace = -1, kPairPlace = -2;

/// Everything that the files of a tokenizer say, validated: tokens and merges refer to one another.
struct Vocabulary {
  std::vector<std::string> tokens;  ///< [ids] as spelled in the file; added tokens by their content; empty for a gap
  std::vector<std::string> bytes;   ///< [ids] what a token stands for; empty for one that text never becomes
  std::vector<Merge> merges;        ///< in order of rank
  bool ignore_merges = false;       ///< a word that is a token is that token, whatever the merges say
  int32_t unknown_id = -1;          ///< of a byte that no token stands for; -1: such a byte is left out
  bool fuse_unknown = false;        ///< a run of such bytes is one token
  std::vector<AddedToken> added_tokens;
  bool split_special_tokens = false;
  std::vector<NormalizerStep> normalizer;
  std::vector<SplitStep> splits;
  bool split_words = true;  ///< by GPT-2's pattern, after `splits`
  bool add_prefix_space = false;
  /// Ids around a text, and around a text and its pair, with kTextPlace and kPairPlace for the texts.
  std::vector<int32_t> single = {kTextPlace}, pair = {kTextPlace, kPairPlace};
  bool trim_offsets = false;
  bool trim_keeps_prefix_space = false;  ///< the post-processor's add_prefix_space
  size_t model_max_length = 0;           ///< where a text is cut that may be; 0: nowhere
  std::vector<std::string> notes;        ///< where releases of `transformers` differ, one line each
};

/// Reads the vocabulary of a checkpoint directory; see Tokenizer::Load.
absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory);

/// The texts of a directory's files.
struct TokenizerFiles {
  std::string directory;  ///< for errors
  std::optional<std::string> tokenizer_json, vocab_json, merges_txt, tokenizer_config_json, special_tokens_map_json,
      added_tokens_json;
  std::optional<std::string> config_json;  ///< for its tokenizer_class
};
absl::StatusOr<Vocabulary> ParseVocabulary(const TokenizerFiles& files);

/// Puts a Vocabulary together from the parts that the file formats have in common, and checks it. `file` is the name in
/// errors, which are InvalidArgument and name the token, merge or id at fault.
class VocabularyBuilder {
 public:
  /// {"token": id, ...}: every id once.
  absl::Status AddTokens(const nlohmann::json& vocabulary, const std::string& file);
  /// `place` says where the merge stands ("line 7"). `text` is "left right".
  absl::Status AddMerge(std::string_view text, const std::string& file, const std::string& place);
  absl::Status AddMerge(std::string_view left, std::string_view right, const std::string& file,
                        const std::string& place);
  /// As AddedVocabulary::add_tokens of `tokenizers`: the token gets the id of its content, or else the next one that is
  /// free; one with the same content as before takes that one's place. Returns the id.
  int32_t AddAddedToken(AddedToken token);

  /// The id of a token, if there is one.
  std::optional<int32_t> FindId(const std::string& token) const;
  bool IsAdded(const std::string& content) const { return added_.contains(content); }
  /// Whether every byte has a token, so that nothing is unknown.
  bool HasAllBytes() const;

  /// Checks that everything fits together.
  absl::StatusOr<Vocabulary> Finish(const std::string& file);

  Vocabulary& vocabulary() { return vocabulary_; }

 private:
  absl::Status Place(const std::string& token, int64_t id, const std::string& file);

  Vocabulary vocabulary_;
  std::unordered_map<std::string, int32_t> id_of_token_;
  std::unordered_map<std::string, size_t> added_;  ///< index into vocabulary_.added_tokens, by content
  int32_t next_id_ = 0;  ///< of an added token that has none; `tokenizers` starts at the number of other tokens
};

/// Reads tokenizer.json into `builder`: model, added tokens, and what is done before and after. `file` is its name.
absl::Status ReadTokenizerJson(const nlohmann::json& root, const std::string& file, VocabularyBuilder* builder);

/// A boolean field with a default. InvalidArgument names the file, the field (`path` and `name`) and the value.
absl::StatusOr<bool> ReadFlag(const nlohmann::json& object, const char* name, bool fallback, const std::string& file,
                              const std::string& path);
/// An added token as a JSON object: content, single_word, lstrip, rstrip, normalized, special.
absl::StatusOr<AddedToken> ReadAddedToken(const nlohmann::json& json, const std::string& file, const std::string& path);

}  // namespace roberta::tokenizer
