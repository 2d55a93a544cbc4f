#include "loadtest/report/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadtest/report/presentation.h"
#include "tests/loadtest/report/document_text.h"
#include "tests/loadtest/report/sample_runs.h"

namespace roberta::loadtest::report {
namespace {

using record::RunRecord;
using report_fixture::MakeRun;
using report_fixture::SuiteSeries;
using report_fixture::TextOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ReportOf(const std::vector<RunRecord>& runs) {
  return TextOf(RunReport({.runs = runs, .searches = {}}, "Load test"));
}

TEST(RunReport, HasItsSectionsInTheirOrder) {
  const std::string text = TextOf(RunReport(SuiteSeries(), "Load test"));
  size_t last = 0;
  for (const char* heading :
       {"# Verdict", "# Throughput and latency", "(Throughput against latency: ", "(Latency by percentile: ",
        "# Highest rate within the objective", "# Where the time goes", "# Batches and padding",
        "# Quality of the answers", "(Calibration: ", "# Memory and CPU", "# Answers and refusals", "# Strategy",
        "# Run by run", "# Environment", "# Method and limits"}) {
    const size_t at = text.find(heading);
    ASSERT_NE(at, std::string::npos) << heading;
    EXPECT_GT(at, last) << heading;
    last = at;
  }
}

TEST(RunReport, TheLastPageBeginsWithTheEnvironment) {
  const auto document = RunReport(SuiteSeries(), "Load test");
  for (size_t i = 0; i < document.blocks.size(); ++i) {
    const auto* heading = std::get_if<document::Heading>(&document.blocks[i]);
    if (heading == nullptr || heading->text != "Environment") continue;
    EXPECT_TRUE(std::holds_alternative<document::PageBreak>(document.blocks[i - 1]));
  }
}

TEST(RunReport, ALoneProfileIsNotCalledRecommended) {
  for (const char* profile : {"baseline", "quantized"}) {
    EXPECT_THAT(ReportOf({MakeRun({.profile = profile, .users = 1})}), Not(HasSubstr("recommended |")));
  }
  EXPECT_THAT(ReportOf({MakeRun({.users = 1}), MakeRun({.profile = "amp", .users = 1, .texts_per_second = 150})}),
              HasSubstr("recommended |"));
}

TEST(RunReport, WhatWasNotMeasuredSaysWhy) {
  RunRecord run = MakeRun({.users = 1});
  run.quality = {.missing = "the texts have no labels"};
  run.resources = {.samples = {}, .missing = "the metrics page answered 404"};
  run.counters = {.missing = "the server has no counters"};
  const std::string text = ReportOf({run});
  EXPECT_THAT(text, HasSubstr("(Calibration: not measured: the texts have no labels)"));
  EXPECT_THAT(text, HasSubstr("(Memory over time: not measured: the metrics page answered 404)"));
  EXPECT_THAT(text, HasSubstr("(CPU over time: not measured: the metrics page answered 404)"));
  EXPECT_THAT(text, HasSubstr("(Batch size against rate: not measured: the server has no counters)"));
  EXPECT_THAT(text, HasSubstr("Not measured, at least in part: the server has no counters."));
  EXPECT_THAT(text,
              HasSubstr("baseline | 88.28 % [the server's sample] |  | not measured | not measured | not measured |"));
}

TEST(RunReport, PartialAndInvalidRunsAreMarked) {
  RunRecord partial = MakeRun({.users = 1}), invalid = MakeRun({.profile = "amp", .users = 4});
  partial.result.end = runner::End::kStopped;
  invalid.result.client_cpu_seconds = 19.9;
  const std::string text = ReportOf({partial, invalid});
  EXPECT_THAT(text, HasSubstr("Partial: 1 of 2 runs broke off (baseline at 1 user)."));
  EXPECT_THAT(text,
              HasSubstr("Not valid: some figures (amp at 4 users) are the load generator's, not the server's: this "
                        "program used 99 % of the 2 cores it has."));
  EXPECT_THAT(text, HasSubstr("1 user, partial |"));
  EXPECT_THAT(text, HasSubstr("4 users, invalid |"));
}

TEST(RunReport, SaysHowLongTheIntervalsOfALongRunAre) {
  RunRecord run = MakeRun({.users = 1});
  EXPECT_THAT(ReportOf({run}), Not(HasSubstr("A point is the mean")));
  run.result.window_seconds = 16;
  EXPECT_THAT(ReportOf({run}), HasSubstr("or of the machine. A point is the mean of up to 16 s.)"));
}

TEST(ResourceSection, RunsWithOneReadingHaveNoCpuOverTime) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.profile = "amp", .users = 1})};
  for (RunRecord& run : runs) run.resources.samples.resize(1);
  const std::string text = ReportOf(runs);
  EXPECT_THAT(text, HasSubstr("(CPU over time: not measured: the runs were too short for two readings of the server's "
                              "metrics page)"));
  for (RunRecord& run : runs) run.resources.samples.clear();
  EXPECT_THAT(ReportOf(runs), HasSubstr("(CPU over time: not measured: the server's process was not watched)"));
}

TEST(AnswersSection, SaysHowSureDifferencesOfAccuracyAre) {
  std::vector<RunRecord> runs = {MakeRun({.users = 1}), MakeRun({.profile = "quantized", .users = 1})};
  EXPECT_THAT(ReportOf(runs), AllOf(HasSubstr("quantized | 88.07 % [each text alone] | −0.23 [-0.8 to +0.2] | "),
                                    HasSubstr("quantized: no difference shown: between -0.8 and +0.2 points (95 %")));
  runs[1].quality.texts_paired = 0;
  EXPECT_THAT(ReportOf(runs), AllOf(HasSubstr("quantized | 88.07 % [each text alone] | not measured | "),
                                    HasSubstr("could move the differences of accuracy is not known")));
}

TEST(RunReport, RefusalsStandByTheirCode) {
  const std::string text = ReportOf({MakeRun({.users = 1, .texts_per_second = 10, .refused = 7, .expired = 2})});
  EXPECT_THAT(text, HasSubstr("Of 109 requests 100 were answered."));
  EXPECT_THAT(text, HasSubstr("sent | OK | DEADLINE_EXCEEDED | RESOURCE_EXHAUSTED | "));
  EXPECT_THAT(text, HasSubstr("baseline | 1 user | 109 | 100 | 2 | 7 | "));
}

TEST(RunReport, AServerThatCountedOtherwiseIsToldOf) {
  RunRecord run = MakeRun({.users = 1});
  EXPECT_THAT(ReportOf({run}), Not(HasSubstr("do not agree")));
  run.counters.requests = 2000;
  EXPECT_THAT(
      ReportOf({run}),
      HasSubstr("do not agree in a run: baseline at 1 user: the server ended 2000 calls where this program sent 1200"));
}

TEST(RunReport, PlacesStandSideBySide) {
  RunRecord before = MakeRun({.users = 8, .texts_per_second = 100}),
            after = MakeRun({.users = 8, .texts_per_second = 120});
  after.environment.program_version = "1.2.4";
  const std::string text = ReportOf({before, after});
  EXPECT_THAT(text, HasSubstr("baseline, 1.2.4 01234567 | 120.0 | 1.20 | "));
  EXPECT_THAT(
      text, HasSubstr("by | roberta-loadtest 1.2.3 (0123456789abcdef) | roberta-loadtest 1.2.4 (0123456789abcdef) | "));
}

TEST(RunReport, OfRunsThatAllHaveAVariantComparesThese) {
  const std::string text = ReportOf({MakeRun({.variant = "prefetch off", .users = 8}),
                                     MakeRun({.variant = "prefetch on", .users = 8, .texts_per_second = 120})});
  EXPECT_THAT(text, HasSubstr("baseline, prefetch on"));
}

TEST(RunReport, OfSearchesAloneSaysWhatTheyFound) {
  const std::string text =
      TextOf(RunReport({.runs = {}, .searches = {report_fixture::MakeSearch("amp", {100, 104, 98})}}, "Load test"));
  EXPECT_THAT(text, AllOf(HasSubstr("amp | 3 | 98.0 | 100.0 | 104.0 |"), HasSubstr("searches and no run")));
}

TEST(SearchSection, ShowsLowestMedianAndHighestOfTheRepeats) {
  std::vector<record::RateSearch> searches = {report_fixture::MakeSearch("baseline", {100, 104, 98}),
                                              report_fixture::MakeSearch("amp", {0, 0})};
  searches.push_back({.profile = "quantized", .objective_ms = 50, .missing = "the server was lost"});
  const std::string text = TextOf(RunReport({.runs = {MakeRun({.users = 1})}, .searches = searches}, "Load test"));
  EXPECT_THAT(text, HasSubstr("3 | 98.0 | 100.0 | 104.0 |"));
  EXPECT_THAT(text, HasSubstr("not even the lowest rate tried kept it"));
  EXPECT_THAT(text, HasSubstr("0 | not measured | not measured | not measured | broke off: the server was lost |"));
}

}  // namespace
}  // namespace roberta::loadtest::report
