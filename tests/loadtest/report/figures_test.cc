#include "loadtest/record/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadtest/report/profile_runs.h"
#include "loadtest/report/sections.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using record::RunRecord;
using report_fixture::Given;
using report_fixture::MakeRun;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Optional;

std::vector<std::string> Labels(const std::vector<ProfileRuns>& sorted) {
  std::vector<std::string> labels;
  for (const ProfileRuns& runs : sorted) labels.push_back(runs.label);
  return labels;
}

TEST(Figures, AreThoseOfTheRun) {
  const RunRecord run = MakeRun({.users = 4,
                                 .texts_per_second = 200,
                                 .p50_ms = 20,
                                 .p99_ms = 40,
                                 .padding = 0.25,
                                 .batch_items = 4,
                                 .resident_mib = 300});
  EXPECT_THAT(TextsPerSecond(run), Optional(200.0));
  EXPECT_THAT(LatencyMs(run, 0.5), Optional(DoubleNear(20, 0.1)));
  EXPECT_THAT(LatencyMs(run, 0.99), Optional(DoubleNear(40, 0.4)));
  EXPECT_THAT(UnansweredShare(run), Optional(0.0));
  EXPECT_THAT(TextsInBatch(run), Optional(DoubleNear(4, 0.01)));
  EXPECT_THAT(TokensInBatch(run), Optional(DoubleNear(96, 0.2)));
  EXPECT_THAT(PaddingShare(run), Optional(DoubleNear(0.25, 1e-9)));
  EXPECT_THAT(ResidentMib(run), Optional(DoubleNear(303, 0.1)));
  EXPECT_THAT(BusyCores(run), Optional(DoubleNear(1.93, 1e-9)));
  EXPECT_EQ(BusyCoresOverTime(run).size() + 1, ResidentOverTime(run).size());
}

TEST(Figures, OfPhasesAreMeansOfACall) {
  RunRecord run;
  stats::Tally& tally = run.result.classes.emplace_back();
  v1::ClassifyResponse response;
  response.mutable_phases()->set_infer_ns(8'000'000);
  response.mutable_phases()->set_total_ns(9'000'000);
  for (int i = 0; i < 4; ++i) tally.Add({.received_ns = 12'000'000, .response = &response}, 0);
  EXPECT_THAT(PhaseMs(run, "infer"), Optional(DoubleNear(8, 1e-6)));
  EXPECT_THAT(PhaseMs(run, "outside"), Optional(DoubleNear(3, 1e-6)));
  EXPECT_EQ(PhaseMs(run, "nonsense"), std::nullopt);
}

TEST(Figures, WhatWasNotMeasuredIsNothing) {
  const RunRecord run;
  EXPECT_EQ(LatencyMs(run, 0.5), std::nullopt);
  EXPECT_EQ(LatencyFromSentMs(run, 0.5), std::nullopt);
  EXPECT_EQ(UnansweredShare(run), std::nullopt);
  EXPECT_EQ(PhaseMs(run, "infer"), std::nullopt);
  EXPECT_EQ(TextsInBatch(run), std::nullopt);
  EXPECT_EQ(PaddingShare(run), std::nullopt);
  EXPECT_EQ(ResidentMib(run), std::nullopt);
  EXPECT_EQ(BusyCores(run), std::nullopt);
}

TEST(Figures, AnOpenLoopThatGotWhatItAskedForKeptUp) {
  EXPECT_TRUE(KeptUp(MakeRun({.rate = 100, .texts_per_second = 100})));
  EXPECT_FALSE(KeptUp(MakeRun({.rate = 150, .texts_per_second = 100, .refused = 500})));
  EXPECT_FALSE(KeptUp(MakeRun({.users = 8, .texts_per_second = 100})));
}

TEST(Figures, RunsThatBrokeOffOrMeasuredTheClientAreMarked) {
  RunRecord run = MakeRun({.users = 1});
  EXPECT_EQ(Mark(run), "");
  run.result.client_cpu_seconds = 19.9;
  EXPECT_EQ(Mark(run), "invalid");
  run.result.end = runner::End::kServerLost;
  EXPECT_EQ(Mark(run), "partial");
}

TEST(Sort, BringsTheBaselineFirstAndLoadsInOrder) {
  const std::vector<RunRecord> runs = {MakeRun({.profile = "amp", .rate = 50}), MakeRun({.profile = "amp", .users = 8}),
                                       MakeRun({.profile = "amp", .users = 1}), MakeRun({.users = 1}),
                                       MakeRun({.profile = "amp", .users = 8})};
  const auto sorted = Sort(PointersTo(runs));
  EXPECT_THAT(Labels(sorted), ElementsAre("baseline", "amp"));
  ASSERT_EQ(sorted[1].loads.size(), 3u);
  EXPECT_EQ(LoadText(sorted[1].loads[0].load), "1 user");
  EXPECT_EQ(LoadText(sorted[1].loads[1].load), "8 users");
  EXPECT_EQ(sorted[1].loads[1].runs.size(), 2u);
  EXPECT_EQ(LoadText(sorted[1].loads[2].load), "50 requests/s");
}

TEST(Sort, ARunThatNamesNoProfileIsOfTheServersDefault) {
  const std::vector<RunRecord> runs = {MakeRun({.profile = "", .users = 1})};
  EXPECT_THAT(Labels(Sort(PointersTo(runs))), ElementsAre("baseline"));
}

TEST(Sort, PlacesAreToldApartWhereTheyDiffer) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.users = 1})};
  EXPECT_THAT(Labels(Sort(PointersTo(runs))), ElementsAre("baseline"));
  runs[1].environment.cpu_model = "Other Processor";
  EXPECT_THAT(Labels(Sort(PointersTo(runs))),
              ElementsAre("baseline, Example Processor 9000 2-Core", "baseline, Other Processor"));
  runs[1].environment.cpu_model = runs[0].environment.cpu_model;
  runs[1].environment.program_version = "1.2.4";
  EXPECT_THAT(Labels(Sort(PointersTo(runs))), ElementsAre("baseline, 1.2.3 01234567", "baseline, 1.2.4 01234567"));
  runs[1].environment.program_version = "1.2.3";
  runs[1].settings.variant = "prefetch on";
  EXPECT_THAT(Labels(Sort(PointersTo(runs))), ElementsAre("baseline", "baseline, prefetch on"));
}

TEST(Sort, ASecondOfTheSameProfileLooksOtherwise) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.users = 1})};
  runs[1].environment.cpu_model = "Other Processor";
  const auto sorted = Sort(PointersTo(runs));
  EXPECT_NE(sorted[0].style.color, sorted[1].style.color);
}

TEST(AtFullLoad, IsWhereTheServerGaveAllItCould) {
  const std::vector<RunRecord> runs = {MakeRun({.users = 1, .texts_per_second = 80}),
                                       MakeRun({.users = 8, .texts_per_second = 120}),
                                       MakeRun({.rate = 140, .texts_per_second = 140})};
  const auto sorted = Sort(PointersTo(runs));
  EXPECT_EQ(LoadText(AtFullLoad(sorted[0])->load), "8 users");
  EXPECT_EQ(LoadText(Busiest(sorted[0]).load), "140 requests/s");
}

TEST(AtFullLoad, IsNotKnownOfOneThatKeptUp) {
  const std::vector<RunRecord> runs = {MakeRun({.rate = 140, .texts_per_second = 140})};
  EXPECT_EQ(AtFullLoad(Sort(PointersTo(runs))[0]), nullptr);
}

TEST(SharedLoad, IsTheHighestRateThatAllKeptUpWith) {
  const std::vector<RunRecord> runs = {MakeRun({.users = 32}),
                                       MakeRun({.rate = 50, .texts_per_second = 50}),
                                       MakeRun({.rate = 90, .texts_per_second = 60, .refused = 300}),
                                       MakeRun({.profile = "amp", .users = 32}),
                                       MakeRun({.profile = "amp", .rate = 50, .texts_per_second = 50}),
                                       MakeRun({.profile = "amp", .rate = 90, .texts_per_second = 90})};
  const auto sorted = Sort(PointersTo(runs));
  EXPECT_EQ(LoadText(SharedLoad(PointersTo(sorted)).value()), "50 requests/s");
}

TEST(SharedLoad, ElseTheMostUsersElseTheHighestRate) {
  const std::vector<RunRecord> users = {MakeRun({.users = 1}), MakeRun({.users = 8}), MakeRun({.users = 32}),
                                        MakeRun({.profile = "amp", .users = 1}),
                                        MakeRun({.profile = "amp", .users = 8})};
  const auto by_users = Sort(PointersTo(users));
  EXPECT_EQ(LoadText(SharedLoad(PointersTo(by_users)).value()), "8 users");
  EXPECT_EQ(LoadText(LightestLoad(PointersTo(by_users)).value()), "1 user");
  const std::vector<RunRecord> apart = {MakeRun({.users = 1}), MakeRun({.profile = "amp", .users = 8})};
  EXPECT_EQ(SharedLoad(PointersTo(Sort(PointersTo(apart)))), std::nullopt);
}

}  // namespace
}  // namespace roberta::loadtest::report
