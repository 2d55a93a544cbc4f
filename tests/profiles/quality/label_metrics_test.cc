#include "profiles/quality/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace roberta::quality {
namespace {

using ::testing::ElementsAre;

Sample Labeled(const std::vector<int32_t>& labels) {
  Sample sample;
  for (const int32_t label : labels) sample.push_back({"x", std::nullopt, label});
  return sample;
}

/// Scores of three labels, of which `answer` has `score`.
std::vector<float> Answers(const std::vector<std::pair<size_t, float>>& answers) {
  std::vector<float> scores;
  for (const auto& [answer, score] : answers) {
    std::vector<float> of_text(3, (1 - score) / 2);
    of_text[answer] = score;
    scores.insert(scores.end(), of_text.begin(), of_text.end());
  }
  return scores;
}

TEST(MeasureLabels, TheMatrixHasTruthsInRowsAndAnswersInColumns) {
  const auto metrics =
      MeasureLabels(Answers({{0, 1.f}, {1, 1.f}, {1, 1.f}, {0, 1.f}, {2, 1.f}}), Labeled({0, 0, 1, 1, 1}));
  EXPECT_THAT(metrics.confusion, ElementsAre(ElementsAre(1, 1, 0), ElementsAre(1, 1, 1), ElementsAre(0, 0, 0)));
}

TEST(MeasureLabels, AccuracyIsTheShareThatIsRight) {
  EXPECT_DOUBLE_EQ(MeasureLabels(Answers({{0, 1.f}, {1, 1.f}, {2, 1.f}, {0, 1.f}}), Labeled({0, 1, 2, 1})).accuracy,
                   0.75);
}

TEST(MeasureLabels, MacroF1IsTheMeanOfTheLabelsF1) {
  // Label 0: TP 2, FP 1, FN 0: 4/5. Label 1: TP 1, FP 0, FN 1: 2/3. Label 2: TP 1, FP 0, FN 0: 1.
  const auto metrics =
      MeasureLabels(Answers({{0, 1.f}, {0, 1.f}, {0, 1.f}, {1, 1.f}, {2, 1.f}}), Labeled({0, 0, 1, 1, 2}));
  EXPECT_DOUBLE_EQ(metrics.macro_f1, (4.0 / 5 + 2.0 / 3 + 1) / 3);
}

TEST(MeasureLabels, ALabelThatIsNowhereDoesNotCountInMacroF1) {
  EXPECT_DOUBLE_EQ(MeasureLabels(Answers({{0, 1.f}, {1, 1.f}}), Labeled({0, 1})).macro_f1, 1);
}

TEST(MeasureLabels, ALabelThatIsOnlyAnsweredCountsAsMissed) {
  // Label 0: TP 1, FN 1: 2/3. Label 2: FP 1: 0.
  EXPECT_DOUBLE_EQ(MeasureLabels(Answers({{0, 1.f}, {2, 1.f}}), Labeled({0, 0})).macro_f1, (2.0 / 3 + 0) / 2);
}

TEST(MeasureLabels, CalibrationErrorIsTheDistanceOfScoreAndShareInEachBin) {
  // The bin of 0.5 and 0.52, (7/15, 8/15]: 1 of 2 right, mean score 0.51, off by 0.01. The bin of 0.9: right, off by
  // 0.1. The bin of 1.0: wrong, off by 1.
  const auto metrics = MeasureLabels(Answers({{0, 0.5f}, {0, 0.52f}, {0, 0.9f}, {0, 1.f}}), Labeled({0, 1, 0, 1}));
  EXPECT_NEAR(metrics.expected_calibration_error, (2 * 0.01 + 0.1 + 1) / 4, 1e-6);
}

TEST(MeasureLabels, WithinABinErrorsOfBothSidesCancel) {
  const auto metrics = MeasureLabels(Answers({{0, 0.75f}, {0, 0.75f}, {0, 0.75f}, {0, 0.75f}}), Labeled({0, 0, 0, 1}));
  EXPECT_NEAR(metrics.expected_calibration_error, 0, 1e-6);
}

TEST(MeasureLabels, CertaintyThatIsRightHasNoCalibrationError) {
  EXPECT_DOUBLE_EQ(MeasureLabels(Answers({{0, 1.f}, {1, 1.f}}), Labeled({0, 1})).expected_calibration_error, 0);
}

}  // namespace
}  // namespace roberta::quality
