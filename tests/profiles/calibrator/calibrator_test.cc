#include "profiles/calibrator/calibrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "profiles/pruned/pruned.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/test_paths.h"

namespace roberta::calibrator {
namespace {

using checkpoint::Checkpoint;
using ::testing::HasSubstr;

class CalibratorTest : public testing::Test {
 protected:
  absl::StatusOr<Texts> Draw(size_t count, uint64_t seed) const {
    return DrawTexts(sample_, count, seed, *tokenizer_, demo_->config());
  }
  std::set<std::string> HeldOut(size_t count, uint64_t seed) const {
    std::set<std::string> texts;
    const Texts drawn = Draw(count, seed).value();
    for (const quality::Example& example : drawn.held_out_examples) texts.insert(example.text);
    return texts;
  }

  const std::string directory_ = test_paths::InRepository("models/demo-sst2");
  const std::unique_ptr<const Checkpoint> demo_ = Checkpoint::Open(directory_).value();
  const std::unique_ptr<const tokenizer::Tokenizer> tokenizer_ = tokenizer::Tokenizer::Load(directory_).value();
  const quality::Sample sample_ = quality::ReadSample(directory_ + "/sample.tsv", demo_->config()).value();
};

TEST_F(CalibratorTest, HalfOfTheTextsAreHeldOut) {
  const Texts texts = Draw(101, 0).value();
  EXPECT_EQ(texts.measured.lengths.size(), 51u);
  EXPECT_EQ(texts.held_out.lengths.size(), 50u);
  EXPECT_EQ(texts.held_out_examples.size(), 50u);
}

TEST_F(CalibratorTest, NoTextIsDrawnTwice) {
  EXPECT_EQ(HeldOut(256, 3).size(), 128u);
}

TEST_F(CalibratorTest, TheSeedDecidesWhichTextsAreHeldOut) {
  EXPECT_EQ(HeldOut(100, 1), HeldOut(100, 1));
  EXPECT_NE(HeldOut(100, 1), HeldOut(100, 2));
}

TEST_F(CalibratorTest, OneTextIsNotEnough) {
  const absl::Status status = Draw(1, 0).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 text; there must be 2 at least"));
}

TEST_F(CalibratorTest, TheBestStrengthIsKept) {
  const Outcome outcome = Calibrate(*demo_, Draw(128, 0).value(), {0.25f, 0.5f, 0.75f}, quality::RunInTurn, {}).value();
  EXPECT_EQ(outcome.profile, "quantized");
  ASSERT_EQ(outcome.trials.size(), 3u);
  ASSERT_TRUE(outcome.best.has_value());
  const auto least = std::min_element(outcome.trials.begin(), outcome.trials.end(), [](const Trial& a, const Trial& b) {
    return a.noise.mean_abs_dlogit < b.noise.mean_abs_dlogit;
  });
  EXPECT_EQ(outcome.best->smoothing.alpha, least->alpha);
  EXPECT_GT(Removed(outcome.before, least->noise), 0);
  EXPECT_EQ(outcome.best->revision, demo_->revision());
  EXPECT_EQ(outcome.best->texts, 64);
}

TEST_F(CalibratorTest, WhereNoStrengthHelpsThereIsNoBest) {
  const Outcome outcome = Calibrate(*demo_, Draw(64, 0).value(), {}, quality::RunInTurn, {}).value();
  EXPECT_FALSE(outcome.best.has_value());
  EXPECT_GT(outcome.before.mean_abs_dlogit, 0);
}

TEST_F(CalibratorTest, APrunedCheckpointIsJudgedAsIntegrated) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const auto mask = pruned::MaskByMagnitude(*demo_, 0.9).value();
  ASSERT_TRUE(pruned::SavePruned(*demo_, mask, scratch.In("pruned")).ok());
  const auto checkpoint = Checkpoint::Open(scratch.In("pruned")).value();
  const Outcome outcome = Calibrate(*checkpoint, Draw(64, 0).value(), {0.5f}, quality::RunInTurn, {}).value();
  EXPECT_EQ(outcome.profile, "integrated");
  EXPECT_LT(outcome.trials[0].noise.mean_abs_dlogit, 0.5);
}

TEST_F(CalibratorTest, EveryBatchIsCounted) {
  uint64_t last = 0, all = 0;
  const auto outcome =
      Calibrate(*demo_, Draw(64, 0).value(), {0.5f}, quality::RunInTurn, [&](uint64_t done, uint64_t total) {
        EXPECT_GT(done, last);
        last = done;
        all = total;
      });
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(last, all);
}

TEST(Removed, IsAShareOfTheNoiseBefore) {
  EXPECT_DOUBLE_EQ(Removed({.mean_abs_dlogit = 0.04}, {.mean_abs_dlogit = 0.03}), 0.25);
  EXPECT_DOUBLE_EQ(Removed({}, {}), 0);
}

}  // namespace
}  // namespace roberta::calibrator
