#include "profiles/registry/recipes.h"

#include <algorithm>

#include "profiles/amp/amp.h"
#include "profiles/baseline/baseline.h"
#include "profiles/integrated/integrated.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/pruned/pruned.h"
#include "profiles/quantized/quantized.h"

namespace roberta::registry {

namespace {

using checkpoint::Checkpoint;

quality::Gate AgreesOn(double share) {
  return {.min_agreement = share, .max_mean_abs_dp = std::nullopt, .max_accuracy_drop_points = std::nullopt};
}

// The limits are what the recipes reach with room for a small sample (of 256 texts one is 0.4 %): rounding moves hardly
// any label; a pruned model was trained to be another one, and may differ where it is as often right.
std::vector<Recipe> MakeRecipes() {
  using Settings = RecipeSettings;
  return {
      {kBaseline,
       [](const Checkpoint& checkpoint, const Settings&) -> LoadedRecipe { return baseline::LoadBaseline(checkpoint); },
       false,
       {}},
      {"quantized",
       [](const Checkpoint& checkpoint, const Settings& settings) -> LoadedRecipe {
         if (settings.smoothing != nullptr) return quantized::LoadSmoothed(checkpoint, *settings.smoothing);
         if (settings.calibration.empty()) return quantized::LoadQuantized(checkpoint);
         return quantized::LoadSmoothed(checkpoint, settings.calibration);
       },
       false, AgreesOn(0.98), true},
      {"pruned",
       [](const Checkpoint& checkpoint, const Settings& settings) -> LoadedRecipe {
         return pruned::LoadPruned(checkpoint, settings.keep_macs);
       },
       true, AgreesOn(0.9)},
      {"amp", [](const Checkpoint& checkpoint, const Settings&) -> LoadedRecipe { return amp::LoadAmp(checkpoint); },
       false, AgreesOn(0.99)},
      {"integrated",
       [](const Checkpoint& checkpoint, const Settings& settings) -> LoadedRecipe {
         if (settings.smoothing != nullptr) return integrated::LoadSmoothed(checkpoint, *settings.smoothing);
         if (settings.calibration.empty()) return integrated::LoadIntegrated(checkpoint, settings.keep_macs);
         return integrated::LoadSmoothed(checkpoint, settings.keep_macs, settings.calibration);
       },
       true, AgreesOn(0.9), true},
      {"reference",
       [](const Checkpoint& checkpoint, const Settings&) -> LoadedRecipe {
         return libtorch::LoadReference(checkpoint);
       },
       false, AgreesOn(0.99), false, &libtorch::FindModule, [] { return libtorch::LoadModule().status(); }},
  };
}

}  // namespace

const std::vector<Recipe>& BuiltInRecipes() {
  static const auto* const recipes = new std::vector<Recipe>(MakeRecipes());
  return *recipes;
}

const Recipe* FindRecipe(const std::vector<Recipe>& recipes, std::string_view name) {
  const auto found =
      std::find_if(recipes.begin(), recipes.end(), [&](const Recipe& recipe) { return recipe.name == name; });
  return found == recipes.end() ? nullptr : &*found;
}

}  // namespace roberta::registry
