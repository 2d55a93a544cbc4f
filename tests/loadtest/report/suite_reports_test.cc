#include "loadtest/report/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadtest/report/document_text.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using report_fixture::MakeRun;
using report_fixture::SuiteSeries;
using report_fixture::TextOf;
using report_fixture::WithFailed;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOfReport(const record::Series& series, const std::string& name) {
  for (const NamedDocument& named : SuiteReports(series)) {
    if (named.name == name + ".pdf") return TextOf(named.document);
  }
  return "";
}

TEST(SuiteReports, AreSix) {
  std::vector<std::string> names;
  for (const NamedDocument& named : SuiteReports(SuiteSeries())) names.push_back(named.name);
  EXPECT_THAT(names,
              ElementsAre("quantization_performance.pdf", "pruning_performance.pdf", "mixed_precision_performance.pdf",
                          "data_loading_efficiency.pdf", "integrated_optimization.pdf", "summary.pdf"));
}

TEST(SuiteReports, APairSaysBeforeAndAfterInWordsFirst) {
  const std::string text = TextOfReport(SuiteSeries(), "quantization_performance");
  EXPECT_THAT(
      text,
      HasSubstr("# Verdict\nquantized answers 3.08 times as many texts a second as baseline (3.05 to 3.12 in 3 "
                "pairs of runs): 404 instead of 131. Its p99 at 32 users falls from 390 to 127 ms. Its accuracy, "
                "on the labeled texts, each sent once, goes from 88.30 to 88.07 % (no difference shown: between "
                "-0.8 and +0.2 points). It gives baseline's label to 99.77 % of the texts. Its weights take 24.1 "
                "instead of 95.2 MiB. On these texts it loses no more than 0.5 points of accuracy, so run it. With "
                "872 texts, a loss of up to 0.8 points of accuracy cannot be ruled out.\n"));
  EXPECT_THAT(text, HasSubstr("p50 at 1 user, ms | 12.22 | 4.37 | 0.36 times | \n"));
  EXPECT_THAT(text, HasSubstr("accuracy, each text alone | 88.30 % | 88.07 % | −0.23 points | \naccuracy "
                              "against baseline, points |  | −0.23 [-0.8 to +0.2] |  | \n"));
  EXPECT_THAT(text.substr(0, text.find("# Environment")), Not(HasSubstr("pruned")));
  EXPECT_LT(text.find("# Throughput and latency"), text.find("# Environment"));
}

TEST(SuiteReports, AProfileThatTheGateRefusedIsNotMeasuredForThatReason) {
  const auto series = WithFailed(SuiteSeries(), "pruned", "agreement with baseline is 0.8120, below 0.9");
  const std::string reason =
      "pruned: not measured, because the server has it as FAILED: agreement with baseline is 0.8120, below 0.9.";
  const std::string pair = TextOfReport(series, "pruning_performance");
  EXPECT_THAT(pair, AllOf(HasSubstr("pruned was not measured, so there is nothing to compare."), HasSubstr(reason)));
  EXPECT_THAT(pair, HasSubstr(" | baseline | pruned | \n"));
  EXPECT_THAT(pair, HasSubstr("texts/s at full load | 131.0 | not measured | \n"));
  EXPECT_THAT(TextOfReport(series, "integrated_optimization"), HasSubstr(reason));
  EXPECT_THAT(TextOfReport(series, "summary"),
              AllOf(HasSubstr(reason), HasSubstr("To have pruned measured, make the server load it")));
}

TEST(SuiteReports, AProfileThatWasLeftOutOrThatNobodyKnowsSaysSo) {
  auto series = SuiteSeries();
  std::erase_if(series.runs, [](const record::RunRecord& run) { return run.settings.profile == "amp"; });
  EXPECT_THAT(TextOfReport(series, "mixed_precision_performance"),
              HasSubstr("amp: not measured, because no run of it is in the records."));
  for (record::RunRecord& run : series.runs) {
    std::erase_if(run.server.profiles, [](const auto& profile) { return profile.name == "amp"; });
  }
  EXPECT_THAT(TextOfReport(series, "mixed_precision_performance"),
              HasSubstr("amp: not measured, because the server has no profile of that name."));
}

TEST(SuiteReports, WithoutABaselineNothingIsCompared) {
  const auto series = WithFailed(SuiteSeries(), "baseline", "");
  const std::string text = TextOfReport(series, "quantization_performance");
  EXPECT_THAT(text,
              HasSubstr("baseline was not measured, so there is nothing to compare. quantized answers 404 texts"));
  EXPECT_THAT(TextOfReport(series, "summary"), HasSubstr("The baseline was not measured"));
}

TEST(SuiteReports, OfASeriesWithoutAnyOfItAllSayNotMeasured) {
  record::Series series;
  series.runs = {MakeRun({.profile = "other", .users = 1})};
  for (const NamedDocument& named : SuiteReports(series)) {
    EXPECT_THAT(TextOf(named.document), AllOf(HasSubstr("ot measured"), HasSubstr("# Environment"))) << named.name;
  }
}

TEST(SuiteReports, OfRunsThatAnsweredNothingRecommendNothing) {
  record::Series series;
  for (const char* profile : {"baseline", "quantized", "pruned", "amp", "integrated"}) {
    series.runs.push_back(MakeRun({.profile = profile, .users = 1, .texts_per_second = 0}));
  }
  EXPECT_THAT(TextOfReport(series, "quantization_performance"), HasSubstr("# Verdict\nquantized answered nothing.\n"));
  EXPECT_THAT(TextOfReport(series, "summary"), Not(HasSubstr("Make it the default")));
}

TEST(SuiteReports, ALossOfAccuracyIsAnAdviceAgainstIt) {
  auto series = SuiteSeries();
  for (record::RunRecord& run : series.runs) {
    if (run.settings.profile == "pruned") run.quality = report_fixture::MakeQuality(750, 800, 0);
    if (run.settings.profile == "baseline") run.quality = report_fixture::MakeQuality(770, 872, 0);
  }
  EXPECT_THAT(TextOfReport(series, "pruning_performance"),
              HasSubstr("Do not run it: it loses 2.29 points of accuracy."));
  for (record::RunRecord& run : series.runs) {
    if (run.settings.profile == "baseline") run.quality.texts_labelled = 872, run.quality.texts_correct = 770;
    if (run.settings.profile != "pruned") continue;
    run.quality.texts_labelled = run.quality.texts_paired = 872;
    run.quality.texts_correct = 750;
    run.quality.texts_only_correct = 10;
    run.quality.texts_only_baseline_correct = 30;
  }
  EXPECT_THAT(TextOfReport(series, "pruning_performance"),
              HasSubstr("Do not run it: it loses 2.29 points of accuracy (2.3 points lower, between -3.8 and -0.9)."));
}

TEST(SuiteReports, WhatAccuracyCostsMustBeKnownForAnAdvice) {
  auto series = SuiteSeries();
  for (record::RunRecord& run : series.runs) run.quality = {}, run.server.profiles.clear();
  EXPECT_THAT(TextOfReport(series, "pruning_performance"),
              HasSubstr("What it costs in accuracy was not measured. Measure that before you run it."));
}

TEST(SuiteReports, WhatAProfileIsStandsThereIfTheServerSaidIt) {
  auto series = SuiteSeries();
  EXPECT_THAT(TextOfReport(series, "quantization_performance"), HasSubstr("quantized: Products in 8-bit whole"));
  for (record::RunRecord& run : series.runs) {
    for (auto& profile : run.server.profiles) profile.summary.clear();
  }
  EXPECT_THAT(TextOfReport(series, "quantization_performance"), Not(HasSubstr("quantized: Products")));
  EXPECT_THAT(TextOfReport(WithFailed(series, "amp", "x"), "summary"), HasSubstr("amp | Not measured. | \n"));
}

TEST(SuiteReports, TheSummaryStandsAlone) {
  const std::string text = TextOfReport(SuiteSeries(), "summary");
  EXPECT_THAT(text, HasSubstr("# Verdict\nRun integrated. It answers 4.64 times as many texts a second as baseline"));
  for (const char* part :
       {"roberta-serve is a server that classifies texts", "Products in 8-bit whole numbers",
        "times baseline's texts/s, lowest to highest | 1.00 | 3.08 [3.05 to 3.12] |", "p99 at 32 users, ms |",
        "weights, MiB |", "the server's process at most, MiB |", "baseline's label, each text alone |",
        "flips, batched against alone |", "1. | Make it the default: roberta-client set-default integrated",
        "Plan for at most 481 requests a second", "Set strategy packed"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace roberta::loadtest::report
