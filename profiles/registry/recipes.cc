#include "profiles/registry/recipes.h"

#include <algorithm>

#include "profiles/checkpoint/tensor.h"
#include "profiles/checkpoint/tensor_table.h"
#include "profiles/encoder/calibration.h"
#include "profiles/errors/errors.h"
#include "profiles/libtorch/libtorch.h"
#include "profiles/pruned/pruned.h"

namespace roberta::registry {
namespace {

using checkpoint::Checkpoint;
using kernels::Precision;

quality::Gate AgreesOn(double share) {
  return {.min_agreement = share, .max_mean_abs_dp = std::nullopt, .max_accuracy_drop_points = std::nullopt};
}

// The limits are what the recipes reach, with room for a small sample (one text of 256 is 0.4 %): rounding changes
// hardly any label; a pruned model is another model, and may differ where it is right as often.
std::vector<Recipe> MakeRecipes() {
  return {
      // The whole model, on padding-free batches.
      {.name = kBaseline,
       .summary = "The whole model in 32-bit floating point, unpadded: what the others are compared with.",
       .packed = encoder::Recipe{},
       .gate = {}},
      // Dynamic int8: weights are bytes with a scale for each output channel, activations bytes with a scale and a zero
      // point for each token, found while it runs; sums are exact in int32.
      {.name = "quantized",
       .summary = "Products in 8-bit whole numbers, with a scale for each output channel and each token.",
       .packed = encoder::Recipe{.products = {Precision::kInt8}},
       .smooths = true,
       .gate = AgreesOn(0.98),
       .bytes_per_weight = 1},
      {.name = "pruned",
       .summary = "The model without the attention heads and neurons that matter least, in 32-bit floating point.",
       .packed = encoder::Recipe{},
       .prunes = true,
       .gate = AgreesOn(0.9)},
      // Mixed precision: each shape of product, and attention, is in bfloat16 where a measurement at load finds that
      // faster than float32 on this host. Elsewhere it is the baseline, and reports fp32.
      {.name = "amp",
       .summary = "Mixed precision: products in bfloat16 where that is faster, sums in 32-bit floating point.",
       .packed = encoder::Recipe{.products = {Precision::kFloat32, Precision::kBFloat16, Precision::kBFloat16Weights},
                                 .mixed_attention = true},
       .gate = AgreesOn(0.99),
       .bytes_per_weight = 2},
      {.name = "integrated",
       .summary = "All at once: the pruned model with 8-bit products and mixed-precision attention.",
       .packed = encoder::Recipe{.products = {Precision::kInt8}, .mixed_attention = true},
       .prunes = true,
       .smooths = true,
       .gate = AgreesOn(0.9),
       .bytes_per_weight = 1},
      {.name = "reference",
       .summary = "The eager LibTorch model on padded batches: how it would be done without this server.",
       .packed = std::nullopt,
       .gate = AgreesOn(0.99),
       .is_loaded_by_default = false,
       .always_pads = true,
       .load = [](const Checkpoint& checkpoint, const RecipeSettings&) -> LoadedRecipe {
         return libtorch::LoadReference(checkpoint);
       },
       .find_module = &libtorch::FindModule,
       .load_module = [] { return libtorch::LoadModule().status(); }},
  };
}

}  // namespace

const std::vector<Recipe>& BuiltInRecipes() {
  static const auto* const recipes = new std::vector<Recipe>(MakeRecipes());
  return *recipes;
}

WeightBytes WeighProfile(const Recipe& recipe, const Checkpoint& checkpoint, const checkpoint::PruningMask& mask,
                         double kept_share) {
  constexpr int64_t kFloat32Bytes = 4;
  const std::string word_embeddings = checkpoint::TensorNamesOf(checkpoint.config()).word_embeddings + ".weight";
  WeightBytes bytes;
  double matrices = 0;
  for (const checkpoint::TensorSpec& spec : checkpoint::ExpectedTensors(checkpoint.config(), mask)) {
    if (!recipe.packed) {
      bytes.packed += spec.elements() * recipe.bytes_per_weight;
    } else if (spec.is_encoder_matrix()) {
      matrices += static_cast<double>(spec.elements() * recipe.bytes_per_weight);
    } else if (spec.name == word_embeddings) {
      const auto dtype = checkpoint.tensor(spec.name).dtype;
      bytes.mapped = spec.elements() * static_cast<int64_t>(checkpoint::DtypeBytes(dtype));
    } else {
      bytes.packed += spec.elements() * kFloat32Bytes;
    }
  }
  bytes.packed += static_cast<int64_t>(kept_share * matrices);
  return bytes;
}

const Recipe* FindRecipe(const std::vector<Recipe>& recipes, std::string_view name) {
  const auto found =
      std::find_if(recipes.begin(), recipes.end(), [&](const Recipe& recipe) { return recipe.name == name; });
  return found == recipes.end() ? nullptr : &*found;
}

LoadedRecipe LoadProfile(const Recipe& recipe, const Checkpoint& checkpoint, const RecipeSettings& settings) {
  if (recipe.load) return recipe.load(checkpoint, settings);
  encoder::Recipe packed = recipe.packed.value();
  if (recipe.prunes) {
    ASSIGN_OR_RETURN(packed.mask, pruned::MaskFor(checkpoint, settings.keep_macs));
  }
  if (recipe.smooths && settings.smoothing != nullptr) {
    packed.smoothing = *settings.smoothing;
  } else if (recipe.smooths && !settings.calibration.empty()) {
    ASSIGN_OR_RETURN(packed.smoothing.inputs, encoder::MeasureInputs(checkpoint, packed.mask, settings.calibration));
  }
  return encoder::LoadPackedClassifier(checkpoint, packed, settings.pack_all);
}

}  // namespace roberta::registry
