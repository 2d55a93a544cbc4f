#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/agreement.h"
#include "profiles/team/team.h"

namespace roberta::registry {

using LoadedRecipe = absl::StatusOr<std::unique_ptr<const encoder::Profile>>;

/// The share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps by default.
inline constexpr double kKeepMacs = 2.0 / 3;

/// What a profile's spec says of its recipe.
struct RecipeSettings {
  double keep_macs = kKeepMacs;                        ///< in (0, 1]; for a recipe that prunes
  absl::Span<const encoder::PackedBatch> calibration;  ///< texts for a recipe that is smoothed to measure on
  const encoder::Smoothing* smoothing = nullptr;       ///< stored ranges, which are used instead of `calibration`
  team::RunAll pack_all = team::RunInTurn;             ///< finds threads for packing weights
};

/// A way to make a profile of a checkpoint: a row of the table in recipes.cc, which all that is said of profiles comes
/// from (the server's defaults, roberta-model, ListProfiles and, through it, the load test's reports).
struct Recipe {
  std::string name;
  std::string summary;  ///< what it is, in one sentence
  /// What the packed encoder computes with; unset for a recipe with code of its own. Mask and smoothing are empty.
  std::optional<encoder::Recipe> packed;
  bool prunes = false;   ///< of a dense checkpoint it computes a part, see pruned::MaskFor
  bool smooths = false;  ///< uses the settings' calibration and smoothing
  quality::Gate gate;    ///< the limits of a profile that sets none
  bool is_loaded_by_default = true;
  bool always_pads = false;      ///< computes padded batches only
  int64_t bytes_per_weight = 4;  ///< of the encoder's matrices where it is packed, of all weights elsewhere
  /// Makes a profile. The checkpoint outlives it, the settings do not. Unset: see LoadProfile.
  std::function<LoadedRecipe(const checkpoint::Checkpoint& checkpoint, const RecipeSettings& settings)> load = nullptr;
  /// For a recipe that comes in a module: OK if the module's file is there, and OK once it is loaded, which happens
  /// before `load` is called. Errors say why this machine cannot run the recipe. Unset for all others.
  std::function<absl::Status()> find_module = nullptr, load_module = nullptr;
};

inline constexpr size_t kMostCalibrationTexts = 512;

/// What a profile is made of.
struct ProfileSpec {
  std::string name;    ///< what requests call it
  std::string recipe;  ///< of the table of recipes
  /// Checkpoint it computes with; empty: the model's. A recipe that prunes and has no keep_macs then takes the pruned
  /// variant in the model's directory, where there is one (see checkpoint::FindPrunedVariant).
  std::string directory;
  /// Share of a dense checkpoint's multiply-accumulates that a recipe which prunes keeps; kKeepMacs where absent.
  std::optional<double> keep_macs;
  /// Texts whose inputs a recipe that is smoothed is smoothed by, as quality::ReadSample reads them, with labels or
  /// without. The first kMostCalibrationTexts count. Empty: the calibration in the checkpoint's directory (see
  /// encoder::kCalibrationFile), if there is one and the checkpoint is not cut at load.
  std::string calibration_file;
  /// Limits that are set here replace the recipe's.
  quality::Gate gate;
};

/// The recipe that every other is compared with.
inline constexpr char kBaseline[] = "baseline";

/// baseline, quantized, pruned, amp, integrated and reference, which comes in the module with LibTorch.
const std::vector<Recipe>& BuiltInRecipes();

/// Memory that the weights of a profile take, as far as it is known before the profile is loaded: where a recipe takes
/// what is fastest here, bytes_per_weight is what it has where that is fast.
struct WeightBytes {
  int64_t packed = 0;  ///< in memory of the process
  int64_t mapped = 0;  ///< word embeddings, where they are read from the checkpoint's file
};

/// `mask` is what is kept of the checkpoint, `kept_share` the share that a cut at load leaves of the encoder's
/// matrices.
WeightBytes WeighProfile(const Recipe& recipe, const checkpoint::Checkpoint& checkpoint,
                         const checkpoint::PruningMask& mask, double kept_share = 1);

/// The recipe of that name, or nullptr.
const Recipe* FindRecipe(const std::vector<Recipe>& recipes, std::string_view name);

/// Makes a profile by the recipe's `load` or, where that is unset, by the packed encoder: of what the settings'
/// keep_macs leaves, if the recipe prunes, and, if it smooths, with the settings' smoothing, or else by the ranges that
/// inputs reach on the settings' calibration, over which the model then runs once in float32. `checkpoint` must outlive
/// a packed one. Errors are those of `load`, or of pruned::MaskFor, encoder::MeasureInputs and
/// encoder::LoadPackedClassifier.
LoadedRecipe LoadProfile(const Recipe& recipe, const checkpoint::Checkpoint& checkpoint,
                         const RecipeSettings& settings = {});

}  // namespace roberta::registry
