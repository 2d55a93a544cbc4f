#include "profiles/reference/reference_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "profiles/pruned/pruned.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/loaded_model.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/test_paths.h"

namespace roberta::reference {
namespace {

using checkpoint::Checkpoint;
using checkpoint::PruningMask;
using profiles_test::LoadedModel;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-4;

class ReferenceProfileTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = new LoadedModel(test_paths::InRepository("models/demo-sst2"), &LoadReferenceProfile);
  }
  static void TearDownTestSuite() { delete std::exchange(model_, nullptr); }
  static LoadedModel* model_;
};

LoadedModel* ReferenceProfileTest::model_ = nullptr;

TEST_F(ReferenceProfileTest, TellsPraiseFromBlame) {
  const std::vector<float> logits = model_->Run({model_->Encode("a warm, funny and deeply moving film").ids,
                                                 model_->Encode("a dull, lifeless mess without one good idea").ids});
  EXPECT_GT(logits[1], logits[0]);  // label 1 is "positive"
  EXPECT_LT(logits[3], logits[2]);
}

TEST_F(ReferenceProfileTest, NeighborsDoNotChangeASequence) {
  const std::vector<int32_t> a = model_->Encode("good").ids;
  const std::vector<int32_t> b = model_->Encode("a film that never quite decides what it wants to be about").ids;
  const std::vector<float> mixed = model_->Run({a, b, a});
  const std::vector<float> alone = model_->Run({a});
  for (size_t i = 0; i < model_->labels(); ++i) {
    EXPECT_NEAR(mixed[i], alone[i], kTolerance);
    EXPECT_NEAR(mixed[2 * model_->labels() + i], alone[i], kTolerance);
  }
}

TEST_F(ReferenceProfileTest, SplitsABatchThatPaddingWouldBlowUp) {
  const auto longest = static_cast<size_t>(model_->checkpoint->config().max_tokens());
  std::vector<std::vector<int32_t>> sequences(2 * kMaxPaddedTokens / longest + 1, model_->Encode("good").ids);
  sequences[1].assign(longest, 10);
  const std::vector<float> logits = model_->Run(sequences);
  const std::vector<float> alone = model_->Run({sequences[0]});
  EXPECT_NEAR(logits[0], alone[0], kTolerance);
  EXPECT_NEAR(logits[logits.size() - 2], alone[0], kTolerance);
}

TEST_F(ReferenceProfileTest, RefusesAMalformedBatch) {
  std::vector<float> logits(2);
  const absl::Status status = model_->profile->Run({{0, 2}, {0, 3}}, absl::MakeSpan(logits));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ReferenceProfileTest, RefusesLogitsOfTheWrongSize) {
  std::vector<float> logits(3);
  const absl::Status status = model_->profile->Run({{0, 2}, {0, 2}}, absl::MakeSpan(logits));
  EXPECT_THAT(std::string(status.message()), HasSubstr("room for 3 logits, but the batch needs 2"));
}

TEST_F(ReferenceProfileTest, ThreadsMayRunAtTheSameTime) {
  const std::vector<int32_t> ids = model_->Encode("an honest, well acted drama").ids;
  const std::vector<float> expected = model_->Run({ids});
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(4);
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) result = model_->Run({ids});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

/// For a pruned checkpoint the reference model must compute what the packed encoder computes.
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
    const std::vector<float> packed = Logits(profiles_test::Packed("pruned", {.keep_macs = 1}));
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

/// Twice what was measured for the least exact of them, on logits of up to 3.4.
constexpr double kInt8Tolerance = 0.15;

TEST(HiddenActs, GiveTheLogitsOfThePackedEncoder) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const std::string demo = test_paths::InRepository("models/demo-sst2");
  for (const char* name : {"model.safetensors", "vocab.json", "merges.txt"})
    std::filesystem::create_symlink(demo + "/" + name, scratch.In(name));
  nlohmann::json config = nlohmann::json::parse(checkpoint_fixture::ReadFile(demo + "/config.json"));
  std::set<float> logits;
  for (const std::string_view name : checkpoint::HiddenActs()) {
    config["hidden_act"] = name;
    checkpoint_fixture::WriteFile(scratch.In("config.json"), config.dump());
    const LoadedModel reference(scratch.path(), &LoadReferenceProfile);
    const LoadedModel baseline(scratch.path(), profiles_test::Packed("baseline"));
    const std::vector<std::vector<int32_t>> texts = {reference.Encode("a warm, funny and deeply moving film").ids};
    const std::vector<float> expected = reference.Run(texts), computed = baseline.Run(texts);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(computed[i], expected[i], kTolerance) << name;
    logits.insert(computed[0]);
    for (const char* faster : {"quantized", "amp"}) {
      const LoadedModel other(scratch.path(), profiles_test::Packed(faster));
      const std::vector<float> near = other.Run(texts);
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(near[i], expected[i], kInt8Tolerance) << name << " " << faster;
      }
    }
  }
  EXPECT_EQ(logits.size(), checkpoint::HiddenActs().size());  // no function is another's
}

}  // namespace
}  // namespace roberta::reference
