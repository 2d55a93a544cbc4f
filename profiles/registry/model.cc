#include "profiles/registry/model.h"

#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"

namespace roberta::registry {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;
using tokenizer::Tokenizer;

absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadTokenizer(const std::string& directory,
                                                               checkpoint::TokenizerKind kind) {
  switch (kind) {
    case checkpoint::TokenizerKind::kByteLevelBpe:
      break;
  }
  return Tokenizer::Load(directory);
}

/// The checkpoint must have an embedding for every token and the tokenizer's special tokens where its config puts them.
absl::Status CheckTokenizer(const Tokenizer& tokenizer, const ModelConfig& config) {
  if (static_cast<int64_t>(tokenizer.vocabulary_size()) > config.vocab_size) {
    return errors::InvalidArgument("the tokenizer has ", tokenizer.vocabulary_size(),
                                   " tokens, but config.json has vocab_size ", config.vocab_size);
  }
  tokenizer::Encoding empty;
  RETURN_IF_ERROR(tokenizer.Encode("", std::nullopt, {}, &empty));
  if (empty.ids.size() != 2 || empty.ids[0] != config.bos_token_id || empty.ids[1] != config.eos_token_id) {
    return errors::InvalidArgument("the tokenizer wraps a text in ids ", absl::StrJoin(empty.ids, ", "),
                                   ", but config.json has bos_token_id ", config.bos_token_id, " and eos_token_id ",
                                   config.eos_token_id);
  }
  return absl::OkStatus();
}

std::string TokensOf(const ModelConfig& config) {
  return absl::StrCat(config.vocab_size, " tokens with pad, bos, eos at ", config.pad_token_id, ", ",
                      config.bos_token_id, ", ", config.eos_token_id);
}

std::string AnswersOf(const ModelConfig& config) {
  const std::string type(checkpoint::ProblemTypeName(config.problem_type));
  return absl::StrCat("labels ", absl::StrJoin(config.labels, ", "), type.empty() ? "" : " of " + type);
}

absl::Status CheckConfig(const ModelConfig& config, const ModelConfig& model) {
  const std::pair<std::string, std::string> held_together[] = {
      {AnswersOf(config), AnswersOf(model)},
      {absl::StrCat("max_tokens ", config.max_tokens()), absl::StrCat("max_tokens ", model.max_tokens())},
      {TokensOf(config), TokensOf(model)}};
  for (const auto& [own, expected] : held_together) {
    if (own != expected) return errors::InvalidArgument("has ", own, "; the model has ", expected);
  }
  return absl::OkStatus();
}

/// A directory without vocabulary files is read with the model's tokenizer.
absl::Status CheckVocabulary(const std::string& directory, const Tokenizer& model) {
  auto own = Tokenizer::Load(directory);
  if (own.status().code() == absl::StatusCode::kNotFound) return absl::OkStatus();
  if (!own.ok()) return own.status();
  if ((*own)->vocabulary_size() != model.vocabulary_size()) {
    return errors::InvalidArgument("has a vocabulary of ", (*own)->vocabulary_size(), " tokens; the model has ",
                                   model.vocabulary_size());
  }
  for (size_t i = 0; i < model.vocabulary_size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if ((*own)->TokenText(id) != model.TokenText(id)) {
      return errors::InvalidArgument("has another token ", id, " than the model");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Model> OpenModel(const std::string& directory) {
  ASSIGN_OR_RETURN(auto checkpoint, Checkpoint::Open(directory));
  ASSIGN_OR_RETURN(auto tokenizer, LoadTokenizer(directory, checkpoint->config().family->tokenizer));
  const absl::Status status = CheckTokenizer(*tokenizer, checkpoint->config());
  if (!status.ok()) return errors::In(directory, status);
  return Model{std::move(checkpoint), std::move(tokenizer)};
}

absl::StatusOr<std::shared_ptr<const Checkpoint>> OpenVariant(const std::string& directory, const Model& model) {
  ASSIGN_OR_RETURN(auto checkpoint, Checkpoint::Open(directory));
  absl::Status status = CheckConfig(checkpoint->config(), model.checkpoint->config());
  if (status.ok()) status = CheckVocabulary(directory, *model.tokenizer);
  if (!status.ok()) return errors::In(directory, status);
  return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

}  // namespace roberta::registry
