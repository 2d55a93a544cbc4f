// What the packed encoder computes of a pruned checkpoint is what the reference model must compute of it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "profiles/pruned/convert.h"
#include "profiles/pruned/pruned.h"
#include "profiles/reference/reference_profile.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::reference {
namespace {

using checkpoint::Checkpoint;
using checkpoint::PruningMask;
using profiles_test::LoadedModel;

class PrunedCheckpointTest : public testing::Test {
 protected:
  PrunedCheckpointTest() : demo_(Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value()) {}

  PruningMask Mask() const { return pruned::MaskByMagnitude(*demo_, 0.8).value(); }

  std::vector<float> Logits(const profiles_test::Loader& load) const {
    const LoadedModel model(scratch_.path(), load);
    return model.Run({model.Encode("a warm, funny and deeply moving film").ids, model.Encode("good").ids,
                      model.Encode("the acting is superb, but the plot goes nowhere").ids});
  }
  void ExpectSameLogitsAsPruned(const PruningMask& mask) const {
    const absl::Status status = pruned::SavePruned(*demo_, mask, scratch_.path());
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<float> reference = Logits(&LoadReferenceProfile);
    const std::vector<float> packed = Logits([](const auto& checkpoint) { return pruned::LoadPruned(checkpoint, 1); });
    ASSERT_EQ(reference.size(), packed.size());
    EXPECT_NE(reference[0], reference[2]);
    for (size_t i = 0; i < packed.size(); ++i) EXPECT_NEAR(reference[i], packed[i], 1e-4) << i;
  }

  const std::unique_ptr<const Checkpoint> demo_;
  const checkpoint_fixture::ScratchDirectory scratch_;
};

TEST_F(PrunedCheckpointTest, AnotherWidthInEveryLayerGivesTheSameLogits) {
  PruningMask mask = Mask();
  mask[0].heads = {1, 4, 11};
  mask[1].neurons.resize(17);
  mask.back().heads = {0};
  ExpectSameLogitsAsPruned(mask);
}

TEST_F(PrunedCheckpointTest, ALayerWithoutHeadsGivesTheSameLogits) {
  PruningMask mask = Mask();
  mask[2].heads.clear();
  ExpectSameLogitsAsPruned(mask);
}

TEST_F(PrunedCheckpointTest, ALayerWithoutNeuronsGivesTheSameLogits) {
  PruningMask mask = Mask();
  mask[3].neurons.clear();
  ExpectSameLogitsAsPruned(mask);
}

TEST_F(PrunedCheckpointTest, ALastLayerWithoutAnythingGivesTheSameLogits) {
  PruningMask mask = Mask();
  mask.back() = {};
  ExpectSameLogitsAsPruned(mask);
}

}  // namespace
}  // namespace roberta::reference
