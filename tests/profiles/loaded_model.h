#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/registry/recipes.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::profiles_test {

using Loader =
    std::function<absl::StatusOr<std::unique_ptr<const encoder::Profile>>(const checkpoint::Checkpoint& checkpoint)>;

/// Loads the built-in profile of that name, which must be packed.
inline Loader Packed(const std::string& name, const registry::RecipeSettings& settings = {}) {
  return [=](const checkpoint::Checkpoint& checkpoint) -> absl::StatusOr<std::unique_ptr<const encoder::Profile>> {
    return registry::LoadProfile(*registry::FindRecipe(registry::BuiltInRecipes(), name), checkpoint, settings);
  };
}

/// A checkpoint with its tokenizer and one profile, for tests that go from text to logits.
struct LoadedModel {
  std::unique_ptr<const checkpoint::Checkpoint> checkpoint;
  std::unique_ptr<const tokenizer::Tokenizer> tokenizer;
  std::unique_ptr<const encoder::Profile> profile;

  LoadedModel(const std::string& directory, const Loader& load) {
    auto opened = checkpoint::Checkpoint::Open(directory);
    EXPECT_TRUE(opened.ok()) << opened.status();
    checkpoint = *std::move(opened);
    auto loaded_tokenizer = tokenizer::Tokenizer::Load(directory);
    EXPECT_TRUE(loaded_tokenizer.ok()) << loaded_tokenizer.status();
    tokenizer = *std::move(loaded_tokenizer);
    auto loaded_profile = load(*checkpoint);
    EXPECT_TRUE(loaded_profile.ok()) << loaded_profile.status();
    profile = *std::move(loaded_profile);
  }

  size_t labels() const { return static_cast<size_t>(checkpoint->config().num_labels()); }

  tokenizer::Encoding Encode(const std::string& text, const std::optional<std::string>& pair = std::nullopt) const {
    tokenizer::Encoding encoding;
    const absl::Status status = tokenizer->Encode(text, pair ? std::optional<std::string_view>(*pair) : std::nullopt,
                                                  {.max_tokens = static_cast<size_t>(checkpoint->config().max_tokens()),
                                                   .truncation = tokenizer::Truncation::kRight},
                                                  &encoding);
    EXPECT_TRUE(status.ok()) << status;
    return encoding;
  }

  /// Logits [sequences, labels] of sequences run as one batch; `padded_length` as in PackedBatch, `team` as in
  /// RunShared.
  std::vector<float> Run(const std::vector<std::vector<int32_t>>& sequences, size_t padded_length = 0,
                         team::Team* team = nullptr) const {
    std::vector<int32_t> ids, cu_seqlens = {0};
    for (const std::vector<int32_t>& sequence : sequences) {
      ids.insert(ids.end(), sequence.begin(), sequence.end());
      cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
    }
    std::vector<float> logits(sequences.size() * labels());
    const absl::Status status = profile->RunShared({ids, cu_seqlens, padded_length}, absl::MakeSpan(logits), team);
    EXPECT_TRUE(status.ok()) << status;
    return logits;
  }
};

}  // namespace roberta::profiles_test
