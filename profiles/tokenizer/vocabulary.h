#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

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
  bool normalized = false;   ///< looked for after those that are not
};

/// Everything that vocab.json + merges.txt (+ tokenizer_config.json), or tokenizer.json, say, validated: tokens and
/// merges refer to one another without gaps, every byte has a token, ids are 0 .. tokens.size() - 1.
struct Vocabulary {
  std::vector<std::string> tokens;  ///< [ids] as spelled in the file; added tokens by their content
  std::vector<std::string> bytes;   ///< [ids] what a token stands for; empty for one that text never becomes
  std::vector<Merge> merges;        ///< in order of rank
  std::vector<AddedToken> added_tokens;
  int32_t bos_id = 0, eos_id = 0;  ///< `<s>`, `</s>`
  bool add_prefix_space = false;
  bool trim_offsets = true;
};

/// Reads the vocabulary of a checkpoint directory; see Tokenizer::Load.
absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& directory);

/// From the contents of the files; their names are used in errors.
absl::StatusOr<Vocabulary> ParseVocabJson(const std::string& vocab_json, const std::string& merges_txt,
                                          const std::string& tokenizer_config_json, const std::string& directory);
absl::StatusOr<Vocabulary> ParseTokenizerJson(const std::string& tokenizer_json, const std::string& file);

/// Puts a Vocabulary together from the parts that the two file formats have in common, and checks it. `file` is the
/// name in errors, which are InvalidArgument and name the token, merge or id at fault.
class VocabularyBuilder {
 public:
  /// {"token": id, ...}: every id once, from 0 without gaps once the added tokens are in.
  absl::Status AddTokens(const nlohmann::json& vocabulary, const std::string& file);
  /// `place` says where the merge stands ("line 7"). `text` is "left right".
  absl::Status AddMerge(std::string_view text, const std::string& file, const std::string& place);
  absl::Status AddMerge(std::string_view left, std::string_view right, const std::string& file,
                        const std::string& place);
  /// A token whose id the vocabulary may have already, under the same content.
  absl::Status AddAddedToken(AddedToken token, const std::string& file);

  /// The id of a token that must be there.
  absl::StatusOr<int32_t> IdOf(const std::string& token, const std::string& file) const;

  /// Checks that ids have no gaps and every byte has a token.
  absl::StatusOr<Vocabulary> Finish(const std::string& file);

  Vocabulary& vocabulary() { return vocabulary_; }

 private:
  absl::Status Place(const std::string& token, int64_t id, const std::string& file);

  Vocabulary vocabulary_;
  std::unordered_map<std::string, int32_t> id_of_token_;
};

}  // namespace roberta::tokenizer
