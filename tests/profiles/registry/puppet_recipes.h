#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "profiles/registry/registry.h"
#include "tests/test_paths.h"

namespace roberta::registry {

/// A profile whose precision is its name, and whose logits are {length of the text, 0}, plus `shift` on the second.
class PuppetProfile final : public encoder::Profile {
 public:
  PuppetProfile(std::string name, float shift) : shift_(shift) { description_.precision = std::move(name); }

  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    for (size_t i = 0; i < batch.sequences(); ++i) {
      logits[2 * i] = static_cast<float>(batch.sequence(i).size());
      logits[2 * i + 1] = shift_;
    }
    return absl::OkStatus();
  }
  const encoder::ProfileDescription& description() const override { return description_; }

 private:
  const float shift_;
  encoder::ProfileDescription description_;
};

/// A recipe that calls `before` (which may fail) and then makes a puppet of its own name.
inline Recipe PuppetRecipe(
    const std::string& name, float shift = 0, std::function<absl::Status()> before = [] { return absl::OkStatus(); }) {
  Recipe recipe;
  recipe.name = name;
  recipe.load = [=](const checkpoint::Checkpoint&, const RecipeSettings&) -> LoadedRecipe {
    absl::Status status = before();
    if (!status.ok()) return status;
    return std::make_unique<PuppetProfile>(name, shift);
  };
  return recipe;
}

/// Of a registry on the demo model, with a profile of its recipe's name for each of `recipes`.
inline RegistryOptions PuppetOptions(std::vector<Recipe> recipes, const std::string& default_profile) {
  RegistryOptions options;
  options.directory = test_paths::InRepository("models/demo-sst2");
  options.default_profile = default_profile;
  for (const Recipe& recipe : recipes) options.profiles.push_back({.name = recipe.name, .recipe = recipe.name});
  options.recipes = std::move(recipes);
  return options;
}

inline std::unique_ptr<Registry> PuppetRegistry(std::vector<Recipe> recipes, const std::string& default_profile) {
  return Registry::Open(PuppetOptions(std::move(recipes), default_profile)).value();
}

}  // namespace roberta::registry
