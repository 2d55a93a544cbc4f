#include "profiles/pruned/pruned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/baseline/baseline.h"
#include "profiles/encoder/packed_classifier.h"
#include "profiles/integrated/integrated.h"
#include "profiles/pruned/convert.h"
#include "profiles/pruned/magnitude.h"
#include "tests/profiles/loaded_model.h"
#include "tests/test_paths.h"

namespace roberta::pruned {
namespace {

using checkpoint::Checkpoint;
using checkpoint::PruningMask;
using profiles_test::LoadedModel;
using ::testing::HasSubstr;

const char* const kSentences[] = {"a warm, funny and deeply moving film", "a dull, lifeless mess", "good",
                                  "the acting is superb, but the plot goes nowhere"};

class PrunedTest : public testing::Test {
 protected:
  PrunedTest() : demo_(Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value()) {
    std::filesystem::remove_all(directory_);
  }
  ~PrunedTest() override { std::filesystem::remove_all(directory_); }

  /// A mask with another width in every layer, one without heads and one without neurons.
  PruningMask UnevenMask() const {
    PruningMask mask = MaskByMagnitude(*demo_, 0.8).value();
    mask[0].heads = {1, 4, 11};
    mask[1].neurons.resize(17);
    mask[2].heads.clear();
    mask[3].neurons.clear();
    mask.back().heads = {0};
    return mask;
  }

  static std::vector<float> Logits(const std::string& directory, const profiles_test::Loader& load) {
    const LoadedModel model(directory, load);
    std::vector<std::vector<int32_t>> sequences;
    for (const char* sentence : kSentences) sequences.push_back(model.Encode(sentence).ids);
    return model.Run(sequences);
  }

  static absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadHalf(const Checkpoint& checkpoint) {
    return LoadPruned(checkpoint, 0.5);
  }

  const std::unique_ptr<const Checkpoint> demo_;
  const std::string directory_ = absl::StrCat(testing::TempDir(), "/pruned_test_", getpid());
};

TEST_F(PrunedTest, MagnitudeKeepsAtMostWhatIsAskedAndNearlyThat) {
  for (const double keep : {0.3, 0.5, 2.0 / 3.0, 0.9, 1.0}) {
    const PruningMask mask = MaskByMagnitude(*demo_, keep).value();
    const double kept = checkpoint::KeptMacs(mask, demo_->config());
    EXPECT_LE(kept, keep + 1e-9);
    EXPECT_GT(kept, keep - 0.04);
  }
}

TEST_F(PrunedTest, MagnitudeRefusesABudgetThatIsNone) {
  for (const double keep : {0.0, -1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(std::string(MaskByMagnitude(*demo_, keep).status().message()), HasSubstr("keep_macs is")) << keep;
  }
}

TEST_F(PrunedTest, KeepingEverythingIsBaseline) {
  const std::string demo = test_paths::InRepository("models/demo-sst2");
  const std::vector<float> all = Logits(demo, [](const auto& checkpoint) { return LoadPruned(checkpoint, 1); });
  EXPECT_EQ(all, Logits(demo, &baseline::LoadBaseline));
}

TEST_F(PrunedTest, APrunedCheckpointComputesWhatItsMaskDoesAtLoad) {
  const PruningMask mask = UnevenMask();
  const std::vector<float> at_load =
      Logits(test_paths::InRepository("models/demo-sst2"),
             [&](const Checkpoint& checkpoint) { return encoder::LoadPackedClassifier(checkpoint, {.mask = mask}); });
  ASSERT_TRUE(SavePruned(*demo_, mask, directory_ + "/pruned").ok());
  EXPECT_EQ(Checkpoint::Open(directory_ + "/pruned").value()->mask(), mask);
  EXPECT_EQ(Logits(directory_ + "/pruned", &LoadHalf), at_load);
  EXPECT_LT(std::filesystem::file_size(directory_ + "/pruned/model.safetensors"),
            std::filesystem::file_size(test_paths::InRepository("models/demo-sst2/model.safetensors")));
}

TEST_F(PrunedTest, TheDenseCheckpointWithZerosGivesTheSameLogits) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const auto pruned = Checkpoint::Open(directory_ + "/pruned").value();
  const absl::Status status = SaveDense(*pruned, directory_ + "/dense");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Checkpoint::Open(directory_ + "/dense").value()->mask().empty());
  const std::vector<float> narrow = Logits(directory_ + "/pruned", &LoadHalf);
  const std::vector<float> wide = Logits(directory_ + "/dense", &baseline::LoadBaseline);
  for (size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(narrow[i], wide[i], 1e-4);
}

TEST_F(PrunedTest, IntegratedReadsWhatPrunedReads) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const std::vector<float> floats = Logits(directory_ + "/pruned", &LoadHalf);
  const std::vector<float> bytes = Logits(
      directory_ + "/pruned", [](const Checkpoint& checkpoint) { return integrated::LoadIntegrated(checkpoint, 0.5); });
  for (size_t i = 0; i < floats.size(); ++i) EXPECT_NEAR(bytes[i], floats[i], 0.3) << i;
}

TEST_F(PrunedTest, WhatIsPrunedAlreadyIsNotPrunedAgain) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const auto pruned = Checkpoint::Open(directory_ + "/pruned").value();
  EXPECT_TRUE(absl::IsInvalidArgument(MaskByMagnitude(*pruned, 0.5).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SavePruned(*pruned, UnevenMask(), directory_ + "/again")));
  EXPECT_TRUE(absl::IsInvalidArgument(SaveDense(*demo_, directory_ + "/again")));
  EXPECT_TRUE(absl::IsInvalidArgument(encoder::LoadPackedClassifier(*pruned, {.mask = UnevenMask()}).status()));
}

TEST_F(PrunedTest, AWeightThatDoesNotFitTheMaskIsNamed) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  PruningMask other = UnevenMask();
  other[1].neurons.resize(16);
  std::ofstream(directory_ + "/pruned/pruning.json") << checkpoint::PruningJson(other);
  const absl::Status status = Checkpoint::Open(directory_ + "/pruned").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("roberta.encoder.layer.1.intermediate.dense.weight"));
}

TEST_F(PrunedTest, AMaskOfAnotherModelIsRefused) {
  PruningMask mask = UnevenMask();
  mask.pop_back();
  EXPECT_THAT(std::string(SavePruned(*demo_, mask, directory_ + "/pruned").message()), HasSubstr("layers"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/pruned/model.safetensors"));
}

}  // namespace
}  // namespace roberta::pruned
