#include "loadtest/report/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using record::RunRecord;
using report_fixture::MakeQuality;
using report_fixture::MakeRun;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string Text(const Spread& spread) {
  return absl::StrCat(spread.low, " ", spread.median, " ", spread.high);
}

/// Runs of baseline and of another profile, in turns, at full load.
struct Turns {
  std::vector<RunRecord> runs;
  std::vector<ProfileRuns> sorted;

  Turns(const std::vector<double>& before, const std::vector<double>& after, const std::string& profile = "quantized") {
    for (size_t i = 0; i < before.size(); ++i) {
      runs.push_back(MakeRun({.turn = static_cast<int64_t>(i), .users = 8, .texts_per_second = before[i]}));
    }
    for (size_t i = 0; i < after.size(); ++i) {
      runs.push_back(
          MakeRun({.profile = profile, .turn = static_cast<int64_t>(i), .users = 8, .texts_per_second = after[i]}));
    }
    Resort();
  }
  void Resort() { sorted = Sort(PointersTo(runs)); }
  void SetQuality(const std::string& profile, const record::Quality& quality) {
    for (RunRecord& run : runs) {
      if (run.settings.profile == profile) run.quality = quality;
    }
  }
  /// The server's own figures; -1: not measured.
  void SetSample(const std::string& profile, double accuracy, double agreement) {
    for (RunRecord& run : runs) {
      for (auto& description : run.server.profiles) {
        if (description.name == profile) description.accuracy = accuracy, description.agreement = agreement;
      }
    }
  }
};

TEST(SpeedUp, IsTheMedianOfTheRatiosOfTheSameTurn) {
  const Turns turns({100, 200, 50}, {300, 500, 160});
  const auto speed_up = SpeedUpOf(turns.sorted[0], turns.sorted[1]);
  ASSERT_TRUE(speed_up);
  EXPECT_EQ(Text(speed_up->ratio), "2.5 3 3.2");
  EXPECT_EQ(speed_up->pairs, 3u);
}

TEST(SpeedUp, PairsByTurnWhateverTheOrder) {
  Turns turns({100, 200}, {300, 500});
  std::swap(turns.runs[0], turns.runs[1]);
  turns.Resort();
  EXPECT_EQ(Text(SpeedUpOf(turns.sorted[0], turns.sorted[1])->ratio), "2.5 2.75 3");
}

TEST(SpeedUp, WithoutTurnsRunsArePairedInTheirOrder) {
  Turns turns({100, 200, 50}, {300, 500});
  for (RunRecord& run : turns.runs) run.settings.turn = 0;
  turns.Resort();
  EXPECT_EQ(SpeedUpOf(turns.sorted[0], turns.sorted[1])->pairs, 2u);
}

TEST(SpeedUp, RunsThatBrokeOffHaveNoPartInIt) {
  Turns turns({100, 200, 50}, {300, 500, 160});
  turns.runs.back().result.end = runner::End::kStopped;
  turns.Resort();
  EXPECT_EQ(Text(SpeedUpOf(turns.sorted[0], turns.sorted[1])->ratio), "2.5 2.75 3");
}

TEST(SpeedUp, IsNotKnownOfRatesThatWereKeptUpWith) {
  const std::vector<RunRecord> runs = {MakeRun({.rate = 50, .texts_per_second = 50}),
                                       MakeRun({.profile = "amp", .rate = 50, .texts_per_second = 50})};
  const auto sorted = Sort(PointersTo(runs));
  EXPECT_FALSE(SpeedUpOf(sorted[0], sorted[1]));
  const Verdict verdict = Judge(sorted);
  EXPECT_EQ(verdict.recommended, nullptr);
  EXPECT_THAT(verdict.text, HasSubstr("kept up with"));
}

TEST(Judge, RecommendsTheFastestAndSaysWhy) {
  const Turns turns({100, 102}, {300, 310});
  const Verdict verdict = Judge(turns.sorted);
  ASSERT_NE(verdict.recommended, nullptr);
  EXPECT_EQ(verdict.recommended->label, "quantized");
  EXPECT_EQ(
      verdict.text,
      "Run quantized. It answers 3.02 times as many texts a second as baseline (3.00 to 3.04 in 2 pairs of runs): 305 "
      "instead of 101. Its p99 at 8 users goes from 19.9 to 20.0 ms. Its accuracy, on the labeled texts, each "
      "sent once, goes from 88.30 to 88.07 % (no difference shown: between -0.8 and +0.2 points). It gives baseline's "
      "label to 99.77 % of the texts. With 872 texts, a loss of up to 0.8 points of accuracy cannot be ruled out.");
}

TEST(Judge, OneRunEachIsDoubted) {
  EXPECT_THAT(Judge(Turns({100}, {300}).sorted).text, HasSubstr("One run each"));
}

TEST(Judge, AGainThatSomeRunsDoNotShowIsDoubted) {
  EXPECT_THAT(Judge(Turns({100, 100, 100}, {99, 105, 106}).sorted).text, HasSubstr("not certain"));
  EXPECT_THAT(Judge(Turns({100, 100, 100}, {104, 105, 106}).sorted).text, Not(HasSubstr("not certain")));
}

TEST(Judge, RunsThatMeasuredTheClientAreDoubted) {
  Turns turns({100, 100}, {300, 300});
  turns.runs.back().result.client_cpu_seconds = 19.9;
  turns.Resort();
  EXPECT_THAT(Judge(turns.sorted).text, HasSubstr("One run of quantized was limited by the load generator"));
}

TEST(Judge, AFasterOneThatLosesAccuracyIsNotRecommended) {
  Turns turns({100, 100}, {300, 300});
  turns.SetQuality("baseline", MakeQuality(770, 872, 0));
  turns.SetQuality("quantized", MakeQuality(765, 870, 0));  // 0.57 points fewer
  turns.Resort();
  EXPECT_EQ(WhyNot(&turns.sorted[0], turns.sorted[1]), "loses 0.57 points of accuracy");
  const Verdict verdict = Judge(turns.sorted);
  EXPECT_EQ(verdict.recommended->label, "baseline");
  EXPECT_EQ(
      verdict.text,
      "Stay with baseline: no profile that keeps its accuracy is faster; quantized loses 0.57 points of accuracy.");
}

TEST(Judge, ASlowerOneIsNotRecommended) {
  const Turns turns({100, 100}, {90, 90});
  const Verdict verdict = Judge(turns.sorted);
  EXPECT_EQ(verdict.recommended->label, "baseline");
  EXPECT_EQ(verdict.text, "Stay with baseline: no profile that keeps its accuracy is faster.");
}

TEST(Judge, ALoneProfileIsNotRecommended) {
  for (const char* profile : {"quantized", "baseline"}) {
    const std::vector<RunRecord> runs = {MakeRun({.profile = profile, .users = 8, .texts_per_second = 50})};
    const auto sorted = Sort(PointersTo(runs));
    const Verdict verdict = Judge(sorted);
    EXPECT_EQ(verdict.recommended, nullptr);
    EXPECT_THAT(verdict.text, StartsWith(std::string(profile) + " answered 50.0 texts a second at 8 users."));
    EXPECT_THAT(verdict.text, HasSubstr("nothing to compare with"));
  }
}

TEST(Judge, WithoutABaselineNothingIsRecommended) {
  const std::vector<RunRecord> runs = {MakeRun({.profile = "amp", .users = 8, .texts_per_second = 50}),
                                       MakeRun({.profile = "pruned", .users = 8, .texts_per_second = 70})};
  const std::vector<ProfileRuns> sorted = Sort(PointersTo(runs));
  const Verdict verdict = Judge(sorted);
  EXPECT_EQ(verdict.recommended, nullptr);
  EXPECT_THAT(verdict.text, HasSubstr("pruned answered the most: 70.0 texts a second at 8 users."));
  EXPECT_THAT(verdict.text, HasSubstr("The baseline was not measured"));
}

TEST(Judge, WhatAnsweredNothingIsNotRecommended) {
  const Turns turns({0, 0}, {0, 0});
  const Verdict verdict = Judge(turns.sorted);
  EXPECT_EQ(verdict.recommended, nullptr);
  EXPECT_THAT(verdict.text, HasSubstr("none answered a request"));
  EXPECT_EQ(InWords(&turns.sorted[0], turns.sorted[1]), "It answered nothing.");
}

TEST(WhyNot, JudgesByTheSampleWhereTheRunsHaveNoLabels) {
  Turns turns({100}, {300});
  for (RunRecord& run : turns.runs) run.quality = {};
  turns.SetSample("baseline", 0.90, -1);
  turns.SetSample("quantized", 0.89, 0.999);
  turns.Resort();
  EXPECT_EQ(WhyNot(&turns.sorted[0], turns.sorted[1]), "loses 1.00 points of accuracy");
  EXPECT_THAT(InWords(&turns.sorted[0], turns.sorted[1]), HasSubstr("on the labeled texts of the server's sample"));
}

TEST(WhyNot, JudgesByAgreementWithoutAnyLabels) {
  Turns turns({100}, {300});
  for (RunRecord& run : turns.runs) run.quality = {};
  turns.SetSample("baseline", -1, -1);
  turns.SetSample("quantized", -1, 0.95);
  turns.Resort();
  EXPECT_EQ(WhyNot(&turns.sorted[0], turns.sorted[1]), "agrees with the baseline on only 95.00 %");
  turns.SetSample("quantized", -1, 0.99);
  turns.Resort();
  EXPECT_THAT(WhyNot(&turns.sorted[0], turns.sorted[1]), IsEmpty());
}

TEST(InWords, SaysThatTheCostWasNotMeasured) {
  Turns turns({100}, {300});
  for (RunRecord& run : turns.runs) run.quality = {}, run.server.profiles.clear();
  turns.Resort();
  EXPECT_THAT(InWords(&turns.sorted[0], turns.sorted[1]), HasSubstr("What it costs in accuracy was not measured."));
}

}  // namespace
}  // namespace roberta::loadtest::report
