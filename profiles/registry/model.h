#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::registry {

/// What all profiles of a server share: labels, tokenizer, longest input, and the checkpoint of those that name no
/// other.
struct Model {
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
};

/// Errors are those of Checkpoint::Open and Tokenizer::Load, and InvalidArgument where the two disagree on the
/// vocabulary or the special tokens.
absl::StatusOr<Model> OpenModel(const std::string& directory);

/// Opens another checkpoint of the same model, for a profile of its own. InvalidArgument names what is not `model`'s:
/// labels, problem type, longest input, special tokens, size of the vocabulary or, where the directory has vocabulary
/// files, a token. Other errors are those of Checkpoint::Open and Tokenizer::Load.
absl::StatusOr<std::shared_ptr<const checkpoint::Checkpoint>> OpenVariant(const std::string& directory,
                                                                          const Model& model);

}  // namespace roberta::registry
