#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {

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
