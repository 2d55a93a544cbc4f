#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "loadtest/console/output.h"
#include "loadtest/console/run_options.h"
#include "loadtest/console/session.h"
#include "tests/client/fake_server.h"

namespace roberta::loadtest::console {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RunOptions, WithoutTextsThereAreBuiltInOnes) {
  const auto classes = ClassesOf({});
  ASSERT_TRUE(classes.ok()) << classes.status();
  ASSERT_EQ(classes->size(), 1u);
  EXPECT_FALSE(classes->at(0).items.empty());
  EXPECT_TRUE(classes->at(0).labels.empty());
}

TEST(RunOptions, SharesOfAMixLeaveTheRestToTheOthers) {
  const std::string file = ::testing::TempDir() + "/mixed.txt";
  std::ofstream(file) << "one\n";
  const auto classes = ClassesOf({.mix = {file + "=0.25"}, .long_share = 0.01});
  ASSERT_TRUE(classes.ok()) << classes.status();
  ASSERT_EQ(classes->size(), 3u);
  EXPECT_DOUBLE_EQ(classes->at(0).share, 0.74);
  EXPECT_EQ(classes->at(1).settings.truncation(), v1::TRUNCATION_RIGHT);
  EXPECT_EQ(classes->at(2).name, file);
}

TEST(RunOptions, AMixThatIsNoneIsNamed) {
  for (const char* bad : {"file", "=0.1", "file=", "file=x", "file=0", "file=1", "file=-1", "file=nan"}) {
    EXPECT_THAT(ClassesOf({.mix = {bad}}).status().message(), HasSubstr(std::string("--mix ") + bad + ":")) << bad;
  }
  EXPECT_THAT(ClassesOf({.mix = {"/nowhere.txt=0.5"}}).status().message(), HasSubstr("/nowhere.txt"));
}

TEST(RunOptions, SharesThatLeaveNothingAreRefused) {
  const std::string file = ::testing::TempDir() + "/mixed.txt";
  std::ofstream(file) << "one\n";
  EXPECT_FALSE(ClassesOf({.mix = {file + "=0.6", file + "=0.6"}}).ok());
}

TEST(RunOptions, ConnectionsKeepBelowTheServersLimitOfStreams) {
  EXPECT_EQ(ConnectionsOf({.concurrency = {1}}), 8);
  EXPECT_EQ(ConnectionsOf({.concurrency = {1, 4000}}), 20);
  EXPECT_EQ(ConnectionsOf({.concurrency = {4000}, .connections = 3}), 3);
  EXPECT_EQ(ConnectionsOf({.rate = {100}}), 8);
}

TEST(RunOptions, SettingsSayWhichLoopItWas) {
  const auto closed = SettingsOf({.concurrency = {1, 5}}, {"amp", 5, 2}, {});
  EXPECT_EQ(closed.loop, "closed");
  EXPECT_EQ(closed.concurrency, 5);
  EXPECT_EQ(closed.profile, "amp");
  EXPECT_EQ(closed.turn, 2);
  const auto open = SettingsOf({.rate = {20}, .arrivals = "constant"}, {"", 20}, {});
  EXPECT_EQ(open.loop, "open");
  EXPECT_EQ(open.arrivals, "constant");
  EXPECT_EQ(open.rate, 20);
  EXPECT_EQ(SettingsOf({.replay = "file"}, {}, {}).arrivals, "replay");
}

TEST(RunOptions, WarmUpLastsUntilSteadyUnlessItIsSaid) {
  EXPECT_TRUE(PlanOf({}, {"", 1})->warm_up.UntilSteady());
  EXPECT_FALSE(PlanOf({.warm_up_seconds = 3}, {"", 1})->warm_up.UntilSteady());
  EXPECT_EQ(PlanOf({.warm_up_seconds = 3}, {"", 1})->warm_up.longest, std::chrono::seconds(3));
  const std::string file = ::testing::TempDir() + "/intervals.txt";
  std::ofstream(file) << "1\n";
  EXPECT_FALSE(PlanOf({.replay = file}, {})->warm_up.UntilSteady());
  EXPECT_TRUE(PlanOf({.replay = file, .warm_up_until_steady = true}, {})->warm_up.UntilSteady());
}

TEST(RunOptions, EachTurnHasArrivalsOfItsOwnThatAllProfilesShare) {
  const RunOptions options = {.rate = {100}};
  const auto first = [&](const series::Step& step) { return *PlanOf(options, step)->arrivals(); };
  EXPECT_EQ(first({"baseline", 100, 1}), first({"amp", 100, 1}));
  EXPECT_NE(first({"baseline", 100, 1}), first({"baseline", 100, 2}));
  EXPECT_EQ(SettingsOf(options, {"amp", 100, 2}, {}).seed, options.seed + 2);
}

TEST(RunOptions, ContradictionsAreTold) {
  const series::Objective slo = {0.99, 50};
  EXPECT_EQ(Contradiction({}), "");
  EXPECT_EQ(Contradiction({.rate = {1, 100}, .slo = slo}), "");
  EXPECT_THAT(Contradiction({.concurrency = {1}, .rate = {1}}), HasSubstr("one of --concurrency, --rate and --replay"));
  EXPECT_THAT(Contradiction({.concurrency = {1}, .slo = slo}), HasSubstr("--rate LOWEST:HIGHEST"));
  EXPECT_THAT(Contradiction({.objective_ms = 50, .slo = slo}), HasSubstr("one of --slo and --slo-ms"));
  EXPECT_THAT(Contradiction({.turns = 2, .slo = slo}), HasSubstr("--repeats, not by --turns"));
  EXPECT_THAT(Contradiction({.slo = slo, .csv = "file"}), HasSubstr("--csv is of runs"));
  EXPECT_THAT(Contradiction({.turns = 2, .percentiles = "file"}), HasSubstr("--percentiles is of one run"));
  EXPECT_THAT(Contradiction({.profiles = {"all"}, .percentiles = "file"}), HasSubstr("--percentiles is of one run"));
}

record::RunRecord RecordOfAnswers() {
  record::RunRecord record;
  record.settings = SettingsOf({.concurrency = {2}, .objective_ms = 50}, {"amp", 2}, {});
  record.result.class_names = {"main"};
  record.result.classes.resize(1);
  record.result.measured_seconds = 2;
  record.result.client_cores = 1;
  record.result.answered_within = 1000;
  stats::Tally& tally = record.result.classes[0];
  v1::ClassifyResponse response;
  response.mutable_phases()->set_infer_ns(8'000'000);
  response.mutable_phases()->set_total_ns(9'000'000);
  for (int i = 0; i < 1000; ++i) {
    ++tally.sent;
    tally.Add({.received_ns = 12'500'000, .response = &response}, 50'000'000);
  }
  tally.sent += 3;
  for (int i = 0; i < 3; ++i) tally.Add({.code = absl::StatusCode::kInternal}, 50'000'000);
  record.result.intended = tally.sent;
  return record;
}

TEST(RunText, TellsOutcomesRatesLatenciesAndTheServersPhases) {
  const std::string text = RunText(RecordOfAnswers());
  EXPECT_THAT(text, HasSubstr("amp at 127.0.0.1:8001: closed loop, 2 users, 2.0 s after 0.0 s of warm-up"));
  EXPECT_THAT(text, HasSubstr("1,003"));
  EXPECT_THAT(text, HasSubstr("by code    INTERNAL 3"));
  EXPECT_THAT(text, HasSubstr("500.0 answers/s"));
  EXPECT_THAT(text, HasSubstr("within 50 ms: 99.70 % of what was sent"));
  EXPECT_THAT(text, HasSubstr("12.500"));
  EXPECT_THAT(text, HasSubstr("infer 8.000"));
  EXPECT_THAT(text, HasSubstr("total 9.000; outside of it 3.500"));
  EXPECT_THAT(text, Not(HasSubstr("INVALID")));
}

TEST(RunText, AFaultIsSaidLoudly) {
  record::RunRecord record = RecordOfAnswers();
  record.result.intended = 5000;
  EXPECT_THAT(RunText(record), HasSubstr("INVALID: only 1003 of 5000 intended requests were sent"));
}

TEST(RunText, ARunThatBrokeOffSaysSo) {
  record::RunRecord record = RecordOfAnswers();
  record.result.end = runner::End::kServerLost;
  EXPECT_THAT(RunText(record), HasSubstr("The server was lost"));
}

TEST(RunText, ARunWithoutAnAnswerHasAText) {
  record::RunRecord record;
  record.settings = SettingsOf({}, {}, {});
  EXPECT_THAT(RunText(record), HasSubstr("the default profile"));
}

TEST(ServerOptions, MetricsAreUsuallyOnTheTargetsHost) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1:9001", "127.0.0.1:8002"},
      {"host", "host:8002"},
      {"host.example:1", "host.example:8002"},
      {"[::1]:9001", "[::1]:8002"},
      {"[::1]", "[::1]:8002"},
      {"::1", "[::1]:8002"},
      {"dns:///host:1", "host:8002"},
      {"dns://8.8.8.8/host:1", "host:8002"},
      {"dns:host:1", "host:8002"},
      {"ipv4:10.0.0.1:1,10.0.0.2:1", "10.0.0.1:8002"},
      {"ipv6:[::1]:1", "[::1]:8002"},
      {"unix:/tmp/socket", "127.0.0.1:8002"},
      {"unix-abstract:name", "127.0.0.1:8002"},
      {"", "127.0.0.1:8002"},
  };
  for (const auto& [target, metrics] : cases) EXPECT_EQ(UsualMetricsAddress(target), metrics) << target;
}

TEST(ServerOptions, AServerOfOnesOwnLoadsTheProfileOfTheRun) {
  using ::testing::ElementsAre;
  EXPECT_THAT(ServerFlags({.spawn = "m"}, {}), ElementsAre("--model", "m"));
  EXPECT_THAT(ServerFlags({.spawn = "m"}, {"amp", "auto"}), ElementsAre("--model", "m"));
  EXPECT_THAT(ServerFlags({.spawn = "m", .config = "c.json"}, {"amp", "baseline"}),
              ElementsAre("--model", "m", "--config", "c.json", "--profiles", "amp,baseline"));
  EXPECT_THAT(ServerFlags({.spawn = "m"}, {"all"}), ElementsAre("--model", "m"));
  EXPECT_THAT(ServerFlags({.spawn = "m", .config = "execution { executors: 1 }"}, {}), ElementsAre("--model", "m"));
}

TEST(ServerText, TellsProcessAndBatches) {
  record::RunRecord record;
  record.resources.samples = {{.seconds = 1, .resident_bytes = 100 << 20, .cpu_seconds = 10, .queue_items = 3},
                              {.seconds = 3, .resident_bytes = 90 << 20, .cpu_seconds = 13, .queue_items = 7}};
  record.counters.batches = 10;
  record.counters.batch_items = 25;
  record.counters.batch_tokens = 1000;
  record.counters.padding_ratio_sum = 0.5;
  const std::string text = ServerText(record);
  EXPECT_THAT(text, HasSubstr("at most 100.0 MiB and 7 texts waiting; 1.50 cores on average"));
  EXPECT_THAT(text, HasSubstr("10, on average 2.5 texts, 100.0 tokens and 5.0 % padding"));
}

TEST(ServerText, TellsWhetherBooksAgree) {
  record::RunRecord record = RecordOfAnswers();
  record.counters.requests = 1003;
  record.counters.answered = 1000;
  record.counters.request_seconds = 9;
  record.counters.phase_seconds = {{"infer", 8}};
  EXPECT_THAT(ServerText(record), HasSubstr("its counters agree with its answers"));
  record.counters.phase_seconds = {{"infer", 4}};
  EXPECT_THAT(ServerText(record),
              HasSubstr("GAP between its counters and its answers: phase infer: 4.000 s by the server's counters"));
}

TEST(ServerText, TellsWhatIsMissing) {
  record::RunRecord record;
  EXPECT_EQ(ServerText(record), "");
  record.counters.missing = "127.0.0.1:8002: Connection refused";
  EXPECT_EQ(ServerText(record), "its counters are not known: 127.0.0.1:8002: Connection refused\n");
}

TEST(RunText, TellsQualityAsFarAsItIsKnown) {
  record::RunRecord record = RecordOfAnswers();
  EXPECT_THAT(RunText(record), Not(HasSubstr("quality")));
  record.quality.labelled = 1000;
  record.quality.correct = 883;
  EXPECT_THAT(RunText(record), HasSubstr("quality    accuracy 88.30 % of 1,000\n"));
  record.quality.texts_paired = 256;
  record.quality.texts_only_correct = record.quality.texts_only_baseline_correct = 2;
  EXPECT_THAT(RunText(record),
              HasSubstr("accuracy compared with baseline, on 256 texts sent alone: no difference shown: "
                        "between -2.1 and +2.1 points\n"));
}

TEST(SeriesText, HasALineForEachRunAndRatiosWithTheirInterval) {
  std::vector<record::RunRecord> runs;
  for (int64_t turn = 0; turn < 2; ++turn) {
    for (const char* profile : {"baseline", "amp"}) {
      record::RunRecord& run = runs.emplace_back(RecordOfAnswers());
      run.settings.profile = profile;
      run.settings.turn = turn;
      run.result.items_within = std::string(profile) == "amp" ? 2000 + 1000 * turn : 1000;
      run.quality.missing = "accuracy: the texts have no labels";
    }
  }
  runs.back().result.warm_up_end = runner::WarmUpEnd::kNotSteady;
  const std::string text = SeriesText(runs);
  EXPECT_THAT(text, ContainsRegex("profile +load +turn +texts/s +p50 ms +p99 ms"));
  EXPECT_THAT(text,
              ContainsRegex("amp +2 users +2 +1500.0 +12.50. +12.50. +99.70 % +99.70 % +- +- +- +warm-up not steady"));
  EXPECT_THAT(text, ContainsRegex("amp +2 users +2.50x .2.00 to 3.00. +1.00x +1.00x"));
  EXPECT_EQ(text.find("not measured"), text.rfind("not measured")) << "once for all runs";
}

/// A run that answered so many texts in its two seconds.
record::RunRecord RunOf(const std::string& profile, int64_t users, int64_t turn, int64_t texts) {
  record::RunRecord run = RecordOfAnswers();
  run.settings.profile = profile;
  run.settings.concurrency = users;
  run.settings.turn = turn;
  run.result.items_within = texts;
  return run;
}

TEST(SeriesText, EachLoadHasRatiosOfItsOwn) {
  const std::string text = SeriesText(
      {RunOf("baseline", 1, 0, 100), RunOf("amp", 1, 0, 110), RunOf("baseline", 8, 0, 100), RunOf("amp", 8, 0, 150)});
  EXPECT_THAT(text, ContainsRegex("amp +1 user +1.10x"));
  EXPECT_THAT(text, ContainsRegex("amp +8 users +1.50x"));
}

TEST(SeriesText, TheDefaultMayBeTheBaseline) {
  record::RunRecord base = RunOf("", 1, 0, 100);
  base.server.default_profile = "baseline";
  EXPECT_THAT(SeriesText({base, RunOf("amp", 1, 0, 110)}), ContainsRegex("amp +1 user +1.10x"));
}

TEST(SeriesText, WithoutABaselineThereAreNoRatios) {
  EXPECT_THAT(SeriesText({RunOf("amp", 1, 0, 110)}), Not(HasSubstr("against baseline")));
  EXPECT_THAT(SeriesText({RunOf("baseline", 2, 0, 100), RunOf("amp", 1, 0, 110)}), Not(HasSubstr("against baseline")));
}

TEST(SeriesText, ARunThatBrokeOffHasNoPartInRatios) {
  record::RunRecord broken = RunOf("amp", 1, 1, 10);
  broken.result.end = runner::End::kStopped;
  EXPECT_THAT(SeriesText({RunOf("baseline", 1, 0, 100), RunOf("amp", 1, 0, 110), RunOf("baseline", 1, 1, 100), broken}),
              ContainsRegex("amp +1 user +1.10x +1.00x"));
}

TEST(SeriesText, SaysHowSureDifferencesOfAccuracyAre) {
  std::vector<record::RunRecord> runs(2, RecordOfAnswers());
  runs[0].settings.profile = "baseline";
  runs[1].quality.texts_labelled = runs[1].quality.texts_paired = 256;
  runs[1].quality.texts_only_baseline_correct = 6;
  const std::string text = SeriesText(runs);
  EXPECT_THAT(text, ContainsRegex("against baseline +load +texts/s +p50 +p99 +accuracy, points"));
  EXPECT_THAT(text, ContainsRegex("amp +2 users +.* -2.3 .-5.0 to -0.8."));
  EXPECT_THAT(text, HasSubstr("\namp: accuracy compared with baseline: 2.3 points lower, between -5.0 and -0.8\n"));
}

TEST(Output, AFileAppearsWhenItIsWrittenAndNotBefore) {
  const std::string file = ::testing::TempDir() + "/output.json";
  std::filesystem::remove(file);
  {
    Output output;
    ASSERT_TRUE(output.Open(file).ok());
    EXPECT_FALSE(std::filesystem::exists(file));
    ASSERT_TRUE(output.Write("text").ok());
  }
  EXPECT_EQ(std::filesystem::file_size(file), 4u);
  Output again;
  ASSERT_TRUE(again.Open(file).ok());
  EXPECT_EQ(std::filesystem::file_size(file), 4u) << "what a file holds stays until it is written";
  EXPECT_FALSE(Output().Open("/nowhere/file").ok());
}

TEST(SearchesText, TellsTheSpreadAndTheRatioToBaseline) {
  const record::RateSearch baseline = {"baseline", "", 0.99, 50, 0.99, {}, {100, 90, 110}, ""};
  const record::RateSearch amp = {"amp", "", 0.99, 50, 0.99, {}, {150, 180}, "2 of 3 repeats were made: stopped"};
  const record::RateSearch hopeless = {"pruned", "", 0.99, 50, 0.99, {}, {0, 0, 0}, ""};
  const std::string text = SearchesText({baseline, amp, hopeless});
  EXPECT_THAT(text, HasSubstr("keep a p99 of 50 ms, with 99 % of what is due answered within it"));
  EXPECT_THAT(text, ContainsRegex("baseline +90 +100 +110 +3 "));
  EXPECT_THAT(text, ContainsRegex("amp +150 +165 +180 +2 +0 +1.75x .1.50 to 2.00."));
  EXPECT_THAT(text, ContainsRegex("pruned +none +none +none"));
  EXPECT_THAT(text, HasSubstr("amp: 2 of 3 repeats were made: stopped\n"));
}

TEST(ProfilesToMeasure, AllAreThoseThatAreReady) {
  record::ServerDescription server;
  for (const auto& [name, state] : {std::pair("baseline", "READY"), {"amp", "UNLOADED"}, {"quantized", "READY"}}) {
    server.profiles.push_back({.name = name, .state = state});
  }
  EXPECT_THAT(*ProfilesToMeasure({"all"}, server), ElementsAre("baseline", "quantized"));
  EXPECT_THAT(*ProfilesToMeasure({"quantized", "all"}, server), ElementsAre("quantized", "baseline"));
  EXPECT_THAT(*ProfilesToMeasure({"quantized", "quantized"}, server), ElementsAre("quantized"));
  EXPECT_THAT(*ProfilesToMeasure({}, server), ElementsAre(""));
  EXPECT_FALSE(ProfilesToMeasure({"all"}, {}).ok());
}

TEST(DescribeServer, AServerThatDoesNotKnowTheQuestionWillDo) {
  client::FakeServer server(client::Echo);
  const auto description = DescribeServer(server.address(), {"anything"});
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_TRUE(description->profiles.empty());
}

TEST(DescribeServer, NobodyThereIsUnavailable) {
  EXPECT_TRUE(absl::IsUnavailable(DescribeServer("127.0.0.1:1", {}).status()));
}

}  // namespace
}  // namespace roberta::loadtest::console
