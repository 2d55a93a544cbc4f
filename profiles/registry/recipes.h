#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/agreement.h"

namespace roberta::registry {

using LoadedRecipe = absl::StatusOr<std::unique_ptr<const encoder::Profile>>;

/// One way to make a profile of a checkpoint.
struct Recipe {
  std::string name;
  /// `keep_macs`, in (0, 1], is looked at only by a recipe that prunes. The checkpoint outlives the profile.
  std::function<LoadedRecipe(const checkpoint::Checkpoint& checkpoint, double keep_macs)> load;
  bool prunes = false;  ///< of a dense checkpoint it computes a part
  quality::Gate gate;   ///< the limits of a profile that sets none
};

/// The recipe that every other is compared with.
inline constexpr char kBaseline[] = "baseline";

/// What a recipe that prunes keeps of a dense checkpoint's multiply-accumulates, unless told.
inline constexpr double kKeepMacs = 2.0 / 3;

/// baseline, quantized, pruned, amp, integrated and, where LibTorch was built in, reference.
const std::vector<Recipe>& BuiltInRecipes();

/// The recipe of that name, or nullptr.
const Recipe* FindRecipe(const std::vector<Recipe>& recipes, std::string_view name);

}  // namespace roberta::registry
