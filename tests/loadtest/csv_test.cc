#include "loadtest/record/figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"

namespace roberta::loadtest::record {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int64_t kUs = 1'000;

/// Two answers, 1 ms and 3 ms after they were sent, which was 100 us late; the server's account is of 1.5 ms each.
RunRecord FullRun() {
  RunRecord run;
  run.settings = {.profile = "quantized", .turn = 1, .loop = "closed", .concurrency = 16, .objective_ms = 2};
  run.result.class_names = {"main"};
  run.result.classes.resize(1);
  run.result.measured_seconds = 2;
  run.result.client_cores = 1;
  run.result.items_within = 5;
  run.result.intended = 2;
  v1::ClassifyResponse response;
  v1::Phases* phases = response.mutable_phases();
  phases->set_tokenize_ns(100 * kUs);
  phases->set_queue_ns(200 * kUs);
  phases->set_form_ns(50 * kUs);
  phases->set_infer_ns(1'000 * kUs);
  phases->set_post_ns(150 * kUs);
  phases->set_total_ns(1'500 * kUs);
  for (const int64_t ms : {1, 3}) {
    ++run.result.classes[0].sent;
    run.result.classes[0].Add({.sent_ns = 100 * kUs, .received_ns = (ms * 1'000 + 100) * kUs, .response = &response},
                              2'000 * kUs);
  }
  run.quality.labelled = 8;
  run.quality.correct = 7;
  return run;
}

std::vector<std::string> Lines(const std::vector<RunRecord>& runs) {
  std::vector<std::string> lines = absl::StrSplit(ToCsv(runs), "\r\n");
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  return lines;
}

TEST(Csv, HasTheColumnsOfPerfAnalyzer) {
  const auto lines = Lines({FullRun()});
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], StartsWith("Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
                                   "Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,"
                                   "p50 latency,p90 latency,p95 latency,p99 latency,Profile,"));
}

TEST(Csv, PartsAddUpToTheMeanLatency) {
  const std::vector<std::string> fields = absl::StrSplit(Lines({FullRun()}).at(1), ',');
  EXPECT_THAT(std::vector(fields.begin(), fields.begin() + 9),
              ElementsAre("16", "2.5", "100", "500", "200", "150", "1000", "150", "0"));
  int sum = 0;
  for (size_t i = 2; i < 9; ++i) sum += std::stoi(fields[i]);
  EXPECT_EQ(sum, 2'100);
  EXPECT_NEAR(std::stoi(fields[9]), 1'100, 2);
  EXPECT_NEAR(std::stoi(fields[12]), 3'100, 4);
}

TEST(Csv, TellsProfileTurnAndQualityAtTheEnd) {
  const std::vector<std::string> fields = absl::StrSplit(Lines({FullRun()}).at(1), ',');
  EXPECT_THAT(std::vector(fields.begin() + 13, fields.end()),
              ElementsAre("quantized", "1", "complete", "", "2", "2", "0", "0.500000", "0.875000", "", "", "", "", ""));
}

TEST(Csv, TheDifferenceOfAccuracyHasItsInterval) {
  RunRecord run = FullRun();
  run.quality.texts_paired = 256;
  run.quality.texts_only_correct = 1;
  run.quality.texts_only_baseline_correct = 3;
  EXPECT_THAT(Lines({run}).at(0),
              testing::EndsWith(",Accuracy Difference,Accuracy Difference Low,Accuracy Difference High"));
  EXPECT_THAT(Lines({run}).at(1), testing::EndsWith(",-0.007812,-0.030457,0.011216"));
}

TEST(Csv, EveryLineHasAllColumns) {
  RunRecord empty;
  empty.settings.loop = "closed";
  const auto lines = Lines({FullRun(), empty});
  const auto columns = [](const std::string& line) { return std::count(line.begin(), line.end(), ','); };
  ASSERT_THAT(lines, SizeIs(3));
  for (const std::string& line : lines) EXPECT_EQ(columns(line), columns(lines[0])) << line;
}

TEST(Csv, AnOpenLoopHasRequestRates) {
  RunRecord run = FullRun();
  run.settings.loop = "open";
  run.settings.rate = 12.5;
  const auto lines = Lines({run});
  EXPECT_THAT(lines.at(0), StartsWith("Request Rate,"));
  EXPECT_THAT(lines.at(1), StartsWith("12.5,"));
}

TEST(Csv, FaultsAreQuoted) {
  RunRecord run = FullRun();
  run.result.intended = 200;
  run.result.client_cpu_seconds = 2;
  EXPECT_THAT(Lines({run}).at(1), HasSubstr("only 2 of 200 intended requests were sent; this program used"));
}

TEST(CsvField, IsQuotedWhereItMustBe) {
  EXPECT_EQ(CsvField("plain text"), "plain text");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"so\""), "\"say \"\"so\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "\"two\nlines\"");
}

}  // namespace
}  // namespace roberta::loadtest::record
