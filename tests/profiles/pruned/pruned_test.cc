#include "profiles/pruned/pruned.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/encoder/profile.h"
#include "tests/profiles/loaded_model.h"
#include "tests/profiles/pruned/save_pruned.h"
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
  const std::vector<float> all = Logits(demo, profiles_test::Packed("pruned", {.keep_macs = 1}));
  EXPECT_EQ(all, Logits(demo, profiles_test::Packed("baseline")));
}

TEST_F(PrunedTest, APrunedCheckpointComputesWhatItsMaskDoesAtLoad) {
  const PruningMask mask = UnevenMask();
  const std::vector<float> at_load =
      Logits(test_paths::InRepository("models/demo-sst2"),
             [&](const Checkpoint& checkpoint) { return encoder::LoadPackedClassifier(checkpoint, {.mask = mask}); });
  ASSERT_TRUE(SavePruned(*demo_, mask, directory_ + "/pruned").ok());
  EXPECT_EQ(Checkpoint::Open(directory_ + "/pruned").value()->mask(), mask);
  EXPECT_EQ(Logits(directory_ + "/pruned", profiles_test::Packed("pruned", {.keep_macs = 0.5})), at_load);
  EXPECT_LT(std::filesystem::file_size(directory_ + "/pruned/model.safetensors"),
            std::filesystem::file_size(test_paths::InRepository("models/demo-sst2/model.safetensors")));
}

TEST_F(PrunedTest, TheDenseCheckpointWithZerosGivesTheSameLogits) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const auto pruned = Checkpoint::Open(directory_ + "/pruned").value();
  const absl::Status status = SaveDense(*pruned, directory_ + "/dense");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Checkpoint::Open(directory_ + "/dense").value()->mask().empty());
  const std::vector<float> narrow = Logits(directory_ + "/pruned", profiles_test::Packed("pruned", {.keep_macs = 0.5}));
  const std::vector<float> wide = Logits(directory_ + "/dense", profiles_test::Packed("baseline"));
  for (size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(narrow[i], wide[i], 1e-4);
}

TEST_F(PrunedTest, IntegratedReadsWhatPrunedReads) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const std::vector<float> floats = Logits(directory_ + "/pruned", profiles_test::Packed("pruned", {.keep_macs = 0.5}));
  const std::vector<float> bytes =
      Logits(directory_ + "/pruned", profiles_test::Packed("integrated", {.keep_macs = 0.5}));
  for (size_t i = 0; i < floats.size(); ++i) EXPECT_NEAR(bytes[i], floats[i], 0.3) << i;
}

TEST_F(PrunedTest, WhatIsPrunedAlreadyIsNotPrunedAgain) {
  ASSERT_TRUE(SavePruned(*demo_, UnevenMask(), directory_ + "/pruned").ok());
  const auto pruned = Checkpoint::Open(directory_ + "/pruned").value();
  EXPECT_TRUE(absl::IsInvalidArgument(MaskByMagnitude(*pruned, 0.5).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SavePruned(*pruned, UnevenMask(), directory_ + "/again")));
  EXPECT_TRUE(absl::IsInvalidArgument(encoder::LoadPackedClassifier(*pruned, {.mask = UnevenMask()}).status()));
}

constexpr char kOutputBias[] = "roberta.encoder.layer.1.output.dense.bias";
constexpr char kOutputWeight[] = "roberta.encoder.layer.1.output.dense.weight";

TEST_F(PrunedTest, AReplacedTensorIsPutInAndAllElseStays) {
  const NewTensor weight = {kOutputWeight, {384, 17}, std::vector<float>(384 * 17, 0.25f)};
  const ConvertedTensors before = PrunedTensors(*demo_, UnevenMask(), {}).value();
  const ConvertedTensors after = PrunedTensors(*demo_, UnevenMask(), {weight}).value();
  ASSERT_EQ(after.tensors.size(), before.tensors.size());
  for (size_t i = 0; i < after.tensors.size(); ++i) {
    EXPECT_EQ(after.tensors[i].name, before.tensors[i].name);
    EXPECT_EQ(after.tensors[i].dtype, checkpoint::Dtype::kF16);
    EXPECT_EQ(after.tensors[i].shape, before.tensors[i].shape);
    if (after.tensors[i].name != kOutputWeight) {
      EXPECT_EQ(after.tensors[i].data, before.tensors[i].data) << after.tensors[i].name;
      continue;
    }
    std::vector<float> values(weight.values.size());
    checkpoint::CopyToFloat32(after.tensors[i], absl::MakeSpan(values));
    EXPECT_EQ(values, weight.values);
  }
}

TEST_F(PrunedTest, AReplacedTensorOfAnotherShapeIsNamed) {
  // What the dense model has.
  const NewTensor weight = {kOutputWeight, {384, 1536}, std::vector<float>(384 * 1536)};
  const absl::Status status = PrunedTensors(*demo_, UnevenMask(), {weight}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("\"", kOutputWeight, "\" of shape [384, 1536]")));
}

TEST_F(PrunedTest, AReplacedTensorThatNoModelHasIsNamed) {
  const NewTensor unknown = {"roberta.encoder.layer.6.output.dense.bias", {384}, std::vector<float>(384)};
  const absl::Status status = PrunedTensors(*demo_, UnevenMask(), {unknown}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(unknown.name));
}

TEST_F(PrunedTest, AReplacedValueThatTheFileCannotHoldIsNamed) {
  NewTensor bias = {kOutputBias, {384}, std::vector<float>(384, 1)};
  bias.values[7] = 65504;  // the largest of fp16
  EXPECT_TRUE(PrunedTensors(*demo_, UnevenMask(), {bias}).ok());
  for (const float value : {1e5f, std::numeric_limits<float>::quiet_NaN()}) {
    bias.values[7] = value;
    const absl::Status status = PrunedTensors(*demo_, UnevenMask(), {bias}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("\"", kOutputBias, "\" holds ", value, " at element 7")));
  }
}

TEST_F(PrunedTest, RandomKeepsAsMuchOfEveryLayerAsMagnitude) {
  for (const double keep : {0.3, 2.0 / 3.0, 1.0}) {
    const PruningMask magnitude = MaskByMagnitude(*demo_, keep).value();
    const PruningMask random = MaskAtRandom(demo_->config(), keep, 1).value();
    ASSERT_EQ(random.size(), magnitude.size());
    for (size_t i = 0; i < random.size(); ++i) {
      EXPECT_EQ(random[i].heads.size(), magnitude[i].heads.size());
      EXPECT_EQ(random[i].neurons.size(), magnitude[i].neurons.size());
    }
    EXPECT_EQ(checkpoint::ParsePruning(checkpoint::PruningJson(random), demo_->config()).value(), random);
  }
}

TEST_F(PrunedTest, RandomDrawsBySeed) {
  const auto draw = [&](uint64_t seed) { return MaskAtRandom(demo_->config(), 0.5, seed).value(); };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  EXPECT_NE(draw(1)[0], draw(1)[1]);
}

TEST_F(PrunedTest, RandomRefusesABudgetThatIsNone) {
  for (const double keep : {0.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(std::string(MaskAtRandom(demo_->config(), keep, 1).status().message()), HasSubstr("keep_macs is"));
  }
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
