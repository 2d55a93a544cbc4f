#include "profiles/tool/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "profiles/pruned/pruned.h"
#include "profiles/registry/recipes.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/test_paths.h"

namespace roberta::tool {
namespace {

using checkpoint::Checkpoint;
using checkpoint::PruningMask;

/// Layouts pad, and a checkpoint that is cut at load keeps the biases of what is cut.
constexpr double kTolerance = 0.02;

class CostTest : public testing::Test {
 protected:
  /// A checkpoint of what uneven `mask` keeps of the demo model.
  std::unique_ptr<const Checkpoint> Pruned() const {
    PruningMask mask = pruned::MaskByMagnitude(*demo_, 0.6).value();
    mask[0].heads = {3};
    mask[1].neurons.clear();
    EXPECT_TRUE(pruned::SavePruned(*demo_, mask, scratch_.In("pruned")).ok());
    return Checkpoint::Open(scratch_.In("pruned")).value();
  }

  const std::unique_ptr<const Checkpoint> demo_ =
      Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value();
  const checkpoint_fixture::ScratchDirectory scratch_;
};

std::map<std::string, int64_t> Weights(const Checkpoint& model, const Checkpoint* variant) {
  std::map<std::string, int64_t> bytes;
  const auto weights = WeighProfiles(model, variant);
  EXPECT_TRUE(weights.ok()) << weights.status();
  if (!weights.ok()) return bytes;
  for (const ProfileWeight& weight : *weights) bytes[weight.profile] = weight.bytes;
  return bytes;
}

/// Loads every profile of `model` (`pruned` and `integrated` of `variant`) and holds it against what was computed.
void ExpectAsLoaded(const Checkpoint& model, const Checkpoint* variant) {
  std::map<std::string, int64_t> computed = Weights(model, variant);
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) {
    if (computed.count(recipe.name) == 0) continue;
    if (recipe.find_module && !recipe.find_module().ok()) {  // built without LibTorch
      computed.erase(recipe.name);
      continue;
    }
    const auto loaded = registry::LoadProfile(recipe, recipe.prunes && variant != nullptr ? *variant : model, {});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const encoder::ProfileDescription& description = (*loaded)->description();
    // Where bfloat16 is not faster for every product, amp weighs more than computed, and baseline at most.
    const bool is_mixed = recipe.name == "amp" && description.precision != "bf16";
    const auto least = static_cast<double>(computed[recipe.name]);
    const auto most = static_cast<double>(computed[is_mixed ? "baseline" : recipe.name]);
    EXPECT_GE(static_cast<double>(description.weight_bytes), least * (1 - kTolerance)) << recipe.name;
    EXPECT_LE(static_cast<double>(description.weight_bytes), most * (1 + kTolerance)) << recipe.name;
    computed.erase(recipe.name);
  }
  EXPECT_TRUE(computed.empty()) << computed.begin()->first;
}

TEST_F(CostTest, ProfilesOfADenseModelWeighWhatIsComputed) {
  ExpectAsLoaded(*demo_, nullptr);
}

TEST_F(CostTest, ProfilesOfAPrunedVariantWeighWhatIsComputed) {
  ExpectAsLoaded(*demo_, Pruned().get());
}

TEST_F(CostTest, ProfilesOfAPrunedModelWeighWhatIsComputed) {
  ExpectAsLoaded(*Pruned(), nullptr);
}

TEST_F(CostTest, MacsAreThoseOfTheShapes) {
  const Macs dense = CountMacs(demo_->config(), {});
  EXPECT_EQ(dense.linear, 6 * (4 * 384 * 384 + 2 * 384 * 1536));
  EXPECT_EQ(dense.attention, 6 * 2 * 384);
}

TEST_F(CostTest, KeptMacsAreTheirShare) {
  const auto pruned = Pruned();
  const Macs macs = CountMacs(pruned->config(), pruned->mask());
  EXPECT_NEAR(static_cast<double>(macs.linear) / static_cast<double>(CountMacs(pruned->config(), {}).linear),
              checkpoint::KeptMacs(pruned->mask(), pruned->config()), 1e-9);
}

TEST_F(CostTest, ParametersAreTheElementsOfAllTensors) {
  const auto pruned = Pruned();
  int64_t elements = 0;
  for (const auto& tensor : pruned->tensors()) elements += tensor.elements();
  EXPECT_EQ(CountParameters(pruned->config(), pruned->mask()), elements);
}

}  // namespace
}  // namespace roberta::tool
