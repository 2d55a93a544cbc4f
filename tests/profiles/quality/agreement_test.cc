#include "profiles/quality/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace roberta::quality {
namespace {

using ::testing::HasSubstr;

checkpoint::ModelConfig ConfigOf(std::vector<std::string> labels, checkpoint::ProblemType type) {
  checkpoint::ModelConfig config;
  config.labels = std::move(labels);
  config.problem_type = type;
  return config;
}

const checkpoint::ModelConfig kTwo = ConfigOf({"no", "yes"}, checkpoint::ProblemType::kSingleLabel);
const checkpoint::ModelConfig kMulti = ConfigOf({"a", "b"}, checkpoint::ProblemType::kMultiLabel);
const checkpoint::ModelConfig kOne = ConfigOf({"score"}, checkpoint::ProblemType::kRegression);

Sample Unlabeled(size_t examples) {
  return Sample(examples, Example{"x", std::nullopt, std::nullopt});
}

TEST(CompareLogits, EqualLogitsAgreeInFull) {
  const std::vector<float> logits = {1, 2, 3, -1};
  const Quality quality = CompareLogits(logits, logits, Unlabeled(2), kTwo);
  EXPECT_EQ(quality.examples, 2u);
  EXPECT_EQ(quality.agreement, 1);
  EXPECT_EQ(quality.mean_abs_dp, 0);
  EXPECT_EQ(quality.max_abs_dp, 0);
  EXPECT_FALSE(quality.accuracy.has_value());
  EXPECT_FALSE(quality.paired.has_value());
}

TEST(CompareLogits, CountsLabelsThatDifferAndMeasuresProbabilities) {
  const float logit = std::log(3.0f);  // softmax of {0, log 3} is {1/4, 3/4}
  const Quality quality = CompareLogits(std::vector<float>{0, logit, logit, 0, 0, 0, 0, 0},
                                        std::vector<float>{logit, 0, logit, 0, 0, 0, 0, 0}, Unlabeled(4), kTwo);
  EXPECT_DOUBLE_EQ(quality.agreement, 0.75);
  EXPECT_NEAR(quality.max_abs_dp, 0.5, 1e-6);
  EXPECT_NEAR(quality.mean_abs_dp, 2 * 0.5 / 8, 1e-6);
}

TEST(CompareLogits, MeasuresBothAccuraciesOnALabeledSample) {
  const Sample sample = {{"x", std::nullopt, 1}, {"y", std::nullopt, 1}};
  const Quality quality = CompareLogits(std::vector<float>{0, 1, 1, 0}, std::vector<float>{0, 1, 0, 1}, sample, kTwo);
  EXPECT_EQ(quality.accuracy, 0.5);
  EXPECT_EQ(quality.baseline_accuracy, 1.0);
  ASSERT_TRUE(quality.paired.has_value());
  EXPECT_EQ(quality.paired->texts, 2);
  EXPECT_EQ(quality.paired->only_first_correct, 1);
  EXPECT_EQ(quality.paired->only_second_correct, 0);
}

TEST(CompareLogits, OfMultiLabelModelsTheSetsMustBeTheSame) {
  const Quality quality =
      CompareLogits(std::vector<float>{1, 2, 1, -1}, std::vector<float>{2, 1, 1, 1}, Unlabeled(2), kMulti);
  EXPECT_EQ(quality.agreement, 0.5);  // the order of the first two labels does not matter
}

TEST(CompareLogits, OfMultiLabelModelsAllLabelsOfATextMustBeRight) {
  const Sample sample = {
      {.text = "x", .labels = {{0}}}, {.text = "y", .labels = {{}}}, {.text = "z", .labels = {{0, 1}}}};
  const Quality quality =
      CompareLogits(std::vector<float>{1, -1, -1, -1, 1, -1}, std::vector<float>{1, -1, 1, -1, 1, 1}, sample, kMulti);
  EXPECT_DOUBLE_EQ(quality.accuracy.value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(quality.baseline_accuracy.value(), 2.0 / 3);
  EXPECT_EQ(quality.paired->only_second_correct, 1);
}

TEST(CompareLogits, ASingleScoreIsRightWithinAHalf) {
  const Sample sample = {{.text = "x", .score = 1}, {.text = "y", .score = 3}};
  const Quality quality = CompareLogits(std::vector<float>{1.4f, 2.0f}, std::vector<float>{0.6f, 3.2f}, sample, kOne);
  EXPECT_EQ(quality.accuracy, 0.5);
  EXPECT_EQ(quality.baseline_accuracy, 1.0);
}

TEST(CheckGate, WhereAllTextsHaveOneAnswerScoresMustBeCloseToo) {
  const Gate gate = {.min_agreement = 0.9};
  // No score comes to 0.5: a profile that says nothing at all would agree.
  const std::vector<float> baseline = {-3, -1, -2, -4}, silent = {-9, -9, -9, -9}, near = {-3, -1.1f, -2.1f, -4};
  const Quality of_silent = CompareLogits(silent, baseline, Unlabeled(2), kMulti);
  EXPECT_EQ(of_silent.agreement, 1);
  EXPECT_THAT(std::string(CheckGate(gate, of_silent).message()), HasSubstr("baseline gives all 2 texts one answer"));
  EXPECT_TRUE(CheckGate({.min_agreement = 0}, of_silent).ok());
  EXPECT_TRUE(CheckGate(gate, CompareLogits(near, baseline, Unlabeled(2), kMulti)).ok());
  const std::vector<float> both = {3, -1, -2, -4};
  EXPECT_FALSE(CompareLogits(both, both, Unlabeled(2), kMulti).one_answer);
}

TEST(CompareLogits, OfRegressionScoresMustBeClose) {
  const Quality quality = CompareLogits(std::vector<float>{1.005f, 2.5f}, std::vector<float>{1, 2}, Unlabeled(2), kOne);
  EXPECT_EQ(quality.agreement, 0.5);
  EXPECT_NEAR(quality.max_abs_dp, 0.5, 1e-6);
}

TEST(CheckGate, WithoutLimitsEverythingPasses) {
  EXPECT_TRUE(CheckGate({}, {.examples = 4, .agreement = 0, .mean_abs_dp = 1, .max_abs_dp = 1}).ok());
}

TEST(CheckGate, WhatEqualsALimitPasses) {
  const Quality quality = {.examples = 256,
                           .agreement = 1 - 3.0 / 256,
                           .mean_abs_dp = 0.01,
                           .max_abs_dp = 0.5,
                           .accuracy = 0.9,
                           .baseline_accuracy = 0.91};
  EXPECT_TRUE(
      CheckGate({.min_agreement = 253.0 / 256, .max_mean_abs_dp = 0.01, .max_accuracy_drop_points = 1.0}, quality)
          .ok());
}

TEST(CheckGate, NamesEveryLimitThatIsMissedAndWhatWasMeasured) {
  const Quality quality = {.examples = 256,
                           .agreement = 0.75,
                           .mean_abs_dp = 0.2,
                           .max_abs_dp = 0.9,
                           .accuracy = 0.5,
                           .baseline_accuracy = 0.75};
  const absl::Status status =
      CheckGate({.min_agreement = 0.98, .max_mean_abs_dp = 0.1, .max_accuracy_drop_points = 1.0}, quality);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      std::string(status.message()),
      "quality gate: agreement is below 98.00 %, mean |dp| is above 0.1000, accuracy falls by more than 1.00 points: "
      "agreement 75.00 % (64 of 256 differ), mean |dp| 0.2000, max |dp| 0.9000, accuracy 50.00 % (baseline 75.00 %)");
}

TEST(CheckGate, ALimitOnAccuracyNeedsLabels) {
  const absl::Status status = CheckGate({.max_accuracy_drop_points = 1.0}, {.examples = 4, .agreement = 1});
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs a sample with labels"));
}

TEST(ScoreFunction, SoftmaxAddsUpToOneAndKeepsRatios) {
  std::vector<float> values = {1000.0f, 999.0f, -1000.0f};
  ApplyScoreFunction(ScoreFunction::kSoftmax, absl::MakeSpan(values));
  EXPECT_NEAR(values[0], 0.7310586, 1e-6);
  EXPECT_NEAR(values[1], 0.2689414, 1e-6);
  EXPECT_EQ(values[2], 0.0f);
}

TEST(ScoreFunction, SigmoidStaysFiniteAtTheEnds) {
  std::vector<float> values = {-1000.0f, 0.0f, 1000.0f};
  ApplyScoreFunction(ScoreFunction::kSigmoid, absl::MakeSpan(values));
  EXPECT_EQ(values, (std::vector<float>{0.0f, 0.5f, 1.0f}));
}

TEST(ScoreFunction, NoneLeavesLogits) {
  std::vector<float> values = {-3.0f, 4.0f};
  ApplyScoreFunction(ScoreFunction::kNone, absl::MakeSpan(values));
  EXPECT_EQ(values, (std::vector<float>{-3.0f, 4.0f}));
}

TEST(ScoreFunction, IsTheModelsOwn) {
  EXPECT_EQ(ScoreFunctionOf(kTwo), ScoreFunction::kSoftmax);
  EXPECT_EQ(ScoreFunctionOf(kMulti), ScoreFunction::kSigmoid);
  EXPECT_EQ(ScoreFunctionOf(kOne), ScoreFunction::kNone);
  EXPECT_EQ(ScoreFunctionOf(ConfigOf({"a"}, checkpoint::ProblemType::kUnspecified)), ScoreFunction::kSigmoid);
  EXPECT_EQ(ScoreFunctionOf(ConfigOf({"a"}, checkpoint::ProblemType::kSingleLabel)), ScoreFunction::kSigmoid);
  EXPECT_EQ(ScoreFunctionOf(ConfigOf({"a", "b"}, checkpoint::ProblemType::kUnspecified)), ScoreFunction::kSoftmax);
}

}  // namespace
}  // namespace roberta::quality
