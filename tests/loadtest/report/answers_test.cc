#include "loadtest/report/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadtest/report/presentation.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using record::RunRecord;
using report_fixture::MakeQuality;
using report_fixture::MakeRun;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Optional;

Answers Of(const std::vector<RunRecord>& runs) {
  return AnswersOf(Sort(PointersTo(runs)).at(0));
}

TEST(AnswersOf, AddsUpTheRuns) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.users = 8})};
  runs[0].quality = {.labelled = 100,
                     .correct = 80,
                     .alone_compared = 50,
                     .alone_flips = 1,
                     .baseline_compared = 10,
                     .baseline_agreed = 10};
  runs[1].quality = {.labelled = 300,
                     .correct = 280,
                     .alone_compared = 150,
                     .alone_flips = 3,
                     .baseline_compared = 30,
                     .baseline_agreed = 26};
  for (RunRecord& run : runs) run.settings.classes[0].texts = 40;
  const Answers answers = Of(runs);
  EXPECT_THAT(answers.accuracy, Optional(0.9));
  EXPECT_THAT(answers.flips, Optional(0.02));
  EXPECT_THAT(answers.agreement, Optional(0.9));
  EXPECT_EQ(answers.accuracy_source, Source::kRuns);
}

TEST(AnswersOf, FallsBackOnTheServersSample) {
  std::vector<RunRecord> runs = {MakeRun({.profile = "quantized", .users = 1})};
  runs[0].quality = {.missing = "the texts have no labels"};
  const Answers answers = Of(runs);
  EXPECT_THAT(answers.accuracy, Optional(0.8828));
  EXPECT_THAT(answers.agreement, Optional(0.9961));
  EXPECT_EQ(answers.accuracy_source, Source::kSample);
  EXPECT_EQ(answers.flips, std::nullopt);
  EXPECT_THAT(Reasons(PointersTo(runs), &RunRecord::quality), ElementsAre("the texts have no labels"));
}

TEST(AnswersOf, FewPassesOverTheTextsGoBehindTheSample) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1})};
  runs[0].quality = MakeQuality(770, 872, 0);
  EXPECT_EQ(Of(runs).accuracy_source, Source::kRuns);
  runs[0].quality.labelled -= 1;
  EXPECT_EQ(Of(runs).accuracy_source, Source::kSample);
  runs[0].server.profiles.clear();
  EXPECT_EQ(Of(runs).accuracy_source, Source::kRuns) << "there is nothing else";
}

TEST(AnswersOf, WhatNobodyMeasuredIsNothing) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1})};
  runs[0].quality = {};
  runs[0].server.profiles.clear();
  const Answers answers = Of(runs);
  EXPECT_EQ(answers.accuracy, std::nullopt);
  EXPECT_EQ(answers.agreement, std::nullopt);
  EXPECT_EQ(answers.accuracy_source, Source::kNone);
}

TEST(AnswersOfAll, AreFromOneSource) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.profile = "quantized", .users = 1})};
  runs[1].quality = {};
  const auto all = AnswersOfAll(Sort(PointersTo(runs)));
  EXPECT_EQ(all[0].accuracy_source, Source::kSample);
  EXPECT_EQ(all[1].accuracy_source, Source::kSample);
}

TEST(CompareAccuracy, NeverMixesTheRunsWithTheSample) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.profile = "quantized", .users = 1})};
  runs[1].quality = {};
  const auto sorted = Sort(PointersTo(runs));
  const auto pair = CompareAccuracy(sorted[0], sorted[1]);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->source, Source::kSample);
  EXPECT_DOUBLE_EQ(pair->before, 0.8828);
}

TEST(CalibrationError, IsTheMeanDistanceOfScoreAndTruth) {
  record::Quality quality;
  quality.calibration = {{10, 6, 5.5}, {30, 27, 28.5}, {0, 0, 0}};
  EXPECT_THAT(CalibrationError(quality), Optional(DoubleNear((0.5 + 1.5) / 40, 1e-12)));
  EXPECT_EQ(CalibrationError({}), std::nullopt);
}

TEST(AnswersOf, TextsSentAloneGiveTheDifferenceFromBaseline) {
  std::vector<RunRecord> runs = {MakeRun({.profile = "integrated", .users = 1})};
  Answers answers = Of(runs);
  EXPECT_EQ(answers.accuracy_source, Source::kAlone);
  ASSERT_TRUE(answers.difference.has_value());
  EXPECT_DOUBLE_EQ(answers.difference->difference, -2.0 / 872);
  runs[0].quality = MakeQuality(768, 848, 2);
  EXPECT_FALSE(Of(runs).difference.has_value()) << "the runs do not say which texts were classified differently";
}

TEST(AnswersOfAll, OfTheSampleHaveNoDifference) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.profile = "quantized", .users = 1}),
                                 MakeRun({.profile = "amp", .users = 1})};
  runs[2].quality = {};
  EXPECT_FALSE(AnswersOfAll(Sort(PointersTo(runs)))[1].difference.has_value());
}

}  // namespace
}  // namespace roberta::loadtest::report
