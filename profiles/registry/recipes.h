#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/profile.h"
#include "profiles/encoder/recipe.h"
#include "profiles/quality/agreement.h"

namespace roberta::registry {

using LoadedRecipe = absl::StatusOr<std::unique_ptr<const encoder::Profile>>;

/// The share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps by default.
inline constexpr double kKeepMacs = 2.0 / 3;

/// What a profile's spec says of its recipe.
struct RecipeSettings {
  double keep_macs = kKeepMacs;                        ///< in (0, 1]; for a recipe that prunes
  absl::Span<const encoder::PackedBatch> calibration;  ///< texts for a recipe that is smoothed to measure on
  const encoder::Smoothing* smoothing = nullptr;       ///< stored ranges, which are used instead of `calibration`
};

/// One way to make a profile of a checkpoint.
struct Recipe {
  std::string name;
  /// The checkpoint outlives the profile, the settings do not.
  std::function<LoadedRecipe(const checkpoint::Checkpoint& checkpoint, const RecipeSettings& settings)> load;
  bool prunes = false;   ///< of a dense checkpoint it computes a part
  quality::Gate gate;    ///< the limits of a profile that sets none
  bool smooths = false;  ///< looks at calibration and smoothing
  /// For a recipe that comes in a module: OK if the module's file is there, and OK once it is loaded, which happens
  /// before `load` is called. Errors say why this machine cannot run the recipe. Unset for all others.
  std::function<absl::Status()> find_module, load_module;
};

/// The recipe that every other is compared with.
inline constexpr char kBaseline[] = "baseline";

/// baseline, quantized, pruned, amp, integrated and reference, which comes in the module with LibTorch.
const std::vector<Recipe>& BuiltInRecipes();

/// The recipe of that name, or nullptr.
const Recipe* FindRecipe(const std::vector<Recipe>& recipes, std::string_view name);

}  // namespace roberta::registry
