#include "loadtest/report/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadtest/report/document_text.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using report_fixture::Given;
using report_fixture::MakeRun;
using report_fixture::TextOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Value {
  const char* variant;
  double texts_per_second;
  double p99_ms;
};

/// Three turns of each, a text a second faster each time.
record::Series SeriesOf(const std::vector<Value>& values) {
  record::Series series;
  for (int64_t turn = 0; turn < 3; ++turn) {
    for (const Value& value : values) {
      series.runs.push_back(MakeRun(
          {.variant = value.variant,
           .turn = turn,
           .users = 32,
           .texts_per_second = value.texts_per_second > 0 ? value.texts_per_second + static_cast<double>(turn) : 0,
           .p50_ms = value.p99_ms / 2,
           .p99_ms = value.p99_ms}));
    }
  }
  return series;
}

std::vector<std::string> Labels(const LoadingTrial& trial) {
  std::vector<std::string> labels;
  for (const ProfileRuns& runs : trial.values) labels.push_back(runs.label);
  return labels;
}

std::string VerdictOn(const std::vector<Value>& values) {
  const record::Series series = SeriesOf(values);
  return JudgeLoading(LoadingTrials(series).at(0)).text;
}

TEST(LoadingTrials, ComeInTheirOrderWithTheirValuesInTheirs) {
  const record::Series series = SeriesOf({{"prefetch on", 100, 9},
                                          {"token budget 8192", 100, 9},
                                          {"token budget 512", 100, 9},
                                          {"strategy packed", 100, 9},
                                          {"prefetch off", 100, 9},
                                          {"strategy padded", 100, 9},
                                          {"some knob 3", 100, 9}});
  const auto trials = LoadingTrials(series);
  ASSERT_EQ(trials.size(), 4u);
  EXPECT_EQ(trials[0].key.name, "strategy");
  EXPECT_THAT(Labels(trials[0]), ElementsAre("padded", "packed"));
  EXPECT_EQ(trials[1].key.name, "token budget");
  EXPECT_THAT(Labels(trials[1]), ElementsAre("512", "8192"));
  EXPECT_EQ(trials[2].key.name, "prefetch");
  EXPECT_THAT(Labels(trials[2]), ElementsAre("off", "on"));
  EXPECT_EQ(trials[3].key.name, "some knob");
  EXPECT_EQ(trials[3].key.default_value, "");
}

TEST(LoadingTrials, AreOfOneProfileEach) {
  record::Series series = SeriesOf({{"prefetch on", 100, 9}, {"prefetch off", 100, 9}});
  record::Series other = SeriesOf({{"prefetch on", 300, 3}});
  for (record::RunRecord& run : other.runs) {
    run.settings.profile = "quantized";
    series.runs.push_back(run);
  }
  const auto trials = LoadingTrials(series);
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].profile, "baseline");
  EXPECT_EQ(trials[1].profile, "quantized");
}

TEST(JudgeLoading, SetsTheFastest) {
  EXPECT_EQ(VerdictOn({{"strategy padded", 50, 900}, {"strategy packed", 100, 400}}),
            "Set packed (the default): 1.98 times the texts/s of padded (1.96 to 2.00), p99 398 instead of 890 ms.");
}

TEST(JudgeLoading, AmongNearlyAsFastOnesTheSoonestIsBest) {
  EXPECT_THAT(
      VerdictOn({{"token budget 512", 99, 300}, {"token budget 2048", 100, 400}, {"token budget 8192", 101, 800}}),
      HasSubstr("Set 512:"));
}

TEST(JudgeLoading, TheDefaultStaysWhereNothingIsClearlyBetter) {
  EXPECT_THAT(VerdictOn({{"tokenizer workers 1", 100, 400}, {"tokenizer workers 2", 101, 399}}),
              HasSubstr("It makes no difference that these runs could show; set 1 (the default)"));
}

TEST(JudgeLoading, ADefaultThatIsSlowerGoes) {
  EXPECT_THAT(VerdictOn({{"prefetch off", 100, 400}, {"prefetch on", 130, 300}}), HasSubstr("Set on: 1.30 times"));
}

TEST(JudgeLoading, TheDefaultStaysWhereRepeatedRunsContradictEachOther) {
  record::Series series;
  for (int64_t turn = 0; turn < 3; ++turn) {
    for (const auto& [variant, slow_turn] : {std::pair("prefetch off", 3), std::pair("prefetch on", 2)}) {
      const bool on = std::string(variant) == "prefetch on";
      const double rate = turn == slow_turn ? 95 : on ? 150 : 100;
      series.runs.push_back(MakeRun({.variant = variant,
                                     .turn = turn,
                                     .users = 32,
                                     .texts_per_second = rate,
                                     .p50_ms = 5,
                                     .p99_ms = turn == slow_turn ? 11.0
                                               : on              ? 7.0
                                                                 : 10.0}));
    }
  }
  EXPECT_THAT(JudgeLoading(LoadingTrials(series).at(0)).text, HasSubstr("set off (the default)"));
}

TEST(JudgeLoading, OneValueAloneIsNoComparison) {
  EXPECT_THAT(VerdictOn({{"prefetch off", 100, 400}}), HasSubstr("nothing to compare"));
}

TEST(JudgeLoading, NothingAnsweredIsNoVerdict) {
  EXPECT_THAT(VerdictOn({{"prefetch off", 0, 1}, {"prefetch on", 0, 1}}), HasSubstr("Nothing was answered"));
}

TEST(DataLoadingReport, SaysWhatToSetAndWhatMakesNoDifference) {
  EXPECT_EQ(
      DataLoadingVerdict(report_fixture::SuiteSeries()),
      "Set strategy packed, token budget 2048, tokenizer workers 1 and prefetch off. Of these, tokenizer workers makes "
      "no difference that the runs could show.");
}

TEST(DataLoadingReport, AKeyWithoutRunsIsNotMeasured) {
  const record::Series series = SeriesOf({{"strategy padded", 50, 900}, {"strategy packed", 100, 400}});
  const std::string text = TextOf(DataLoadingReport(series));
  EXPECT_THAT(text, HasSubstr("Set strategy packed."));
  EXPECT_THAT(text, HasSubstr("prefetch | Not measured: no run of it is in the records."));
}

TEST(DataLoadingReport, WithoutAnyVariantNothingWasMeasured) {
  record::Series series;
  series.runs = {MakeRun({.users = 1})};
  EXPECT_THAT(TextOf(DataLoadingReport(series)), HasSubstr("Not measured: the records hold no run of any way"));
}

}  // namespace
}  // namespace roberta::loadtest::report
