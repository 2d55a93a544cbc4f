#include "loadtest/console/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "loadtest/quality/comparison.h"
#include "tests/client/fake_server.h"

namespace roberta::loadtest::console {
namespace {

using client::FakeServer;
using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Short runs without a warm-up, of one text, labelled "right".
RunOptions ShortRuns() {
  RunOptions options;
  options.duration_seconds = 0.2;
  options.warm_up_seconds = 0;
  options.deadline_ms = 60'000;
  options.arrivals = "constant";
  options.no_quality = true;
  return options;
}

std::vector<workload::RequestClass> OneText() {
  workload::RequestClass made = {.name = "main", .labels = {"right"}};
  made.items.emplace_back().set_text("text");
  return {made};
}

record::ServerDescription TwoProfiles() {
  record::ServerDescription server;
  for (const char* name : {"baseline", "amp"}) server.profiles.push_back({.name = name, .state = "READY"});
  return server;
}

absl::StatusOr<Measured> MeasureAt(
    const FakeServer& server, const RunOptions& options, const std::vector<std::string>& profiles,
    const std::function<bool()>& stop_requested = [] { return false; },
    const std::function<std::function<void(record::RunRecord*)>(std::chrono::nanoseconds)>& watch = nullptr) {
  client::DirectClient client({.address = server.address(), .connections = 2});
  terminal::ProgressBar bar(stderr, terminal::Display::kNone);
  return Measure({.options = options,
                  .target = server.address(),
                  .profiles = profiles,
                  .classes = OneText(),
                  .server = TwoProfiles(),
                  .client = &client,
                  .stop_requested = stop_requested,
                  .watch = watch},
                 &bar);
}

grpc::Status Answer(const std::string& label, v1::ClassifyResponse* response) {
  auto* classification = response->add_results()->mutable_classification();
  classification->set_label(label);
  classification->set_score(0.75F);
  return grpc::Status::OK;
}

// Alone every profile says "right"; in the runs, amp says "wrong".
TEST(Measure, ComparesAnswersUnderLoadWithThoseAlone) {
  std::atomic<int> calls_of_amp{0};
  FakeServer server([&](auto*, const auto& request, auto* response) {
    const bool wrong = request.profile() == "amp" && ++calls_of_amp > 1;
    return Answer(wrong ? "wrong" : "right", response);
  });
  RunOptions options = ShortRuns();
  options.no_quality = false;
  const auto measured = MeasureAt(server, options, {"baseline", "amp"});
  ASSERT_TRUE(measured.ok()) << measured.status();
  ASSERT_THAT(measured->series.runs, SizeIs(2));
  const record::Quality& baseline = measured->series.runs[0].quality;
  const record::Quality& amp = measured->series.runs[1].quality;
  EXPECT_GT(baseline.alone_compared, 0);
  EXPECT_EQ(baseline.alone_flips, 0);
  EXPECT_EQ(baseline.correct, baseline.labelled);
  EXPECT_GT(amp.alone_compared, 0);
  EXPECT_EQ(amp.alone_flips, amp.alone_compared);
  EXPECT_EQ(amp.baseline_compared, amp.alone_compared);
  EXPECT_EQ(amp.baseline_agreed, 0);
  EXPECT_EQ(amp.correct, 0);
  EXPECT_EQ(amp.labelled, amp.alone_compared);
  EXPECT_EQ(amp.missing, "");
}

TEST(Measure, AStopEndsTheSeriesWithTheRunThatItBroke) {
  std::atomic<int> calls_of_amp{0};
  FakeServer server([&](auto*, const auto& request, auto* response) {
    calls_of_amp += request.profile() == "amp";
    return Answer("right", response);
  });
  RunOptions options = ShortRuns();
  options.turns = 5;
  options.duration_seconds = 2;  // of 0.2 s a busy machine may leave a run no moment to look for a stop
  const auto measured = MeasureAt(server, options, {"baseline", "amp"}, [&] { return calls_of_amp > 0; });
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_EQ(measured->runs_planned, 10u);
  ASSERT_THAT(measured->series.runs, SizeIs(2));
  EXPECT_EQ(measured->series.runs[0].result.end, runner::End::kComplete);
  EXPECT_EQ(measured->series.runs[1].result.end, runner::End::kStopped);
  EXPECT_EQ(measured->end, runner::End::kStopped);
}

TEST(Measure, TheServerIsWatchedWhileEachRunLasts) {
  FakeServer server([](auto*, const auto&, auto* response) { return Answer("right", response); });
  int begun = 0;
  const auto watch = [&](std::chrono::nanoseconds longest) -> std::function<void(record::RunRecord*)> {
    EXPECT_EQ(longest, milliseconds(200));
    ++begun;
    return [&](record::RunRecord* record) { record->counters.requests = begun; };
  };
  const auto measured = MeasureAt(
      server, ShortRuns(), {"baseline", "amp"}, [] { return false; }, watch);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_EQ(measured->series.runs.at(0).counters.requests, 1);
  EXPECT_EQ(measured->series.runs.at(1).counters.requests, 2);
  EXPECT_EQ(measured->series.runs.at(1).settings.target, server.address());
}

TEST(Measure, AStopBeforeTheFirstRunIsCancelled) {
  FakeServer server([](auto*, const auto&, auto* response) { return Answer("right", response); });
  RunOptions options = ShortRuns();
  options.no_quality = false;
  EXPECT_TRUE(absl::IsCancelled(MeasureAt(server, options, {""}, [] { return true; }).status()));
}

// A call takes 10 ms and they go one by one, so at most 100 a second. A run of d = 0.5 s may still begin above that:
// after t seconds at the rate r a request waits for t (r / 100 - 1), and nine of ten wait for less than L = 400 ms as
// long as r < 100 (1 + L / 0.9 d) = 189. A busy machine can do less; at 5 a second a call may take 20 times its time.
TEST(Measure, ASearchFindsWhatAServerCanDo) {
  std::mutex one_by_one;
  FakeServer server([&](auto*, const auto&, auto* response) {
    const std::lock_guard<std::mutex> lock(one_by_one);
    std::this_thread::sleep_for(milliseconds(10));
    return Answer("right", response);
  });
  RunOptions options = ShortRuns();
  options.duration_seconds = 0.5;
  options.slo = series::Objective{0.9, 400};
  options.rate = {5, 1000};
  options.repeats = 1;
  const auto measured = MeasureAt(server, options, {""});
  ASSERT_TRUE(measured.ok()) << measured.status();
  ASSERT_THAT(measured->series.searches, SizeIs(1));
  const record::RateSearch& search = measured->series.searches[0];
  EXPECT_EQ(search.least_good_ratio, 0.9);
  EXPECT_EQ(search.missing, "");
  ASSERT_THAT(search.found, SizeIs(1));
  EXPECT_GE(search.found[0], 5);
  EXPECT_LE(search.found[0], 200);
  EXPECT_THAT(measured->series.runs, IsEmpty());
}

TEST(KnownAnswers, WhatIsMissingIsTold) {
  workload::RequestClass unlabelled = {.name = "main"};
  for (const char* text : {"a", "b", "c"}) unlabelled.items.emplace_back().set_text(text);
  const std::vector<workload::RequestClass> classes = {unlabelled};
  quality::KnownAnswers known(classes, 2, 1);
  int asked = 0;
  const quality::Ask ask = [&](const v1::ClassifyRequest&) -> absl::StatusOr<v1::ClassifyResponse> {
    ++asked;
    return absl::InvalidArgumentError("too long");
  };
  record::ServerDescription server;
  server.default_profile = "amp";
  ASSERT_TRUE(known.AskAll({"", "amp", "auto"}, server, ask, [](const auto&, size_t, size_t) { return true; }).ok());
  EXPECT_EQ(asked, 2) << "the default is amp, and auto is not asked";
  EXPECT_EQ(
      known.MissingOf("amp"),
      "accuracy: the texts have no labels; agreement: the server has no baseline that is READY; flips and "
      "agreement: only of 2 of 3 texts, drawn at random; flips: 2 texts had no answer alone, the first: too long");
  EXPECT_EQ(known.MissingOf(""), known.MissingOf("amp"));
}

}  // namespace
}  // namespace roberta::loadtest::console
