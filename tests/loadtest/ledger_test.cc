#include "loadtest/runner/ledger.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <cmath>

namespace roberta::loadtest::runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kMs = 1'000'000;

/// A second of warm-up, two of measured time, and a lost server after three.
Plan PlanOfThreeSeconds() {
  Plan plan;
  plan.warm_up.longest = seconds(1);
  plan.duration = seconds(2);
  plan.objective = milliseconds(50);
  return plan;
}

/// A request from `intended_ms` to `received_ms`, with one text of three tokens if it was answered.
void Book(Ledger* ledger, int64_t intended_ms, int64_t received_ms, absl::StatusCode code = absl::StatusCode::kOk) {
  v1::ClassifyResponse response;
  response.add_results()->mutable_classification()->set_token_count(3);
  stats::Sample sample = {.intended_ns = intended_ms * kMs, .ready_ns = intended_ms * kMs};
  sample.sent_ns = intended_ms * kMs;
  sample.received_ns = received_ms * kMs;
  sample.code = code;
  if (code == absl::StatusCode::kOk) sample.response = &response;
  ledger->Send(sample.intended_ns, sample.sent_ns, 0);
  ledger->Finish(sample, {});
}

TEST(Ledger, TheWarmUpIsBookedApartByTheIntendedSend) {
  const Plan plan = PlanOfThreeSeconds();
  Ledger ledger(plan, {"main"});
  Book(&ledger, 999, 1'010);
  Book(&ledger, 1'000, 1'020);
  const RunResult result = std::move(ledger).Close(End::kComplete, 3'000 * kMs, 0);
  EXPECT_EQ(result.warm_up.sent, 1);
  EXPECT_EQ(result.Total().sent, 1);
  EXPECT_EQ(result.warm_up_seconds, 1);
  EXPECT_EQ(result.measured_seconds, 2);
  EXPECT_TRUE(result.CheckBooks().ok());
}

TEST(Ledger, RatesCountWhatEndedInTheMeasuredTime) {
  const Plan plan = PlanOfThreeSeconds();
  Ledger ledger(plan, {"main"});
  Book(&ledger, 900, 1'100);    // begun before, and not within the objective
  Book(&ledger, 2'000, 2'040);  // good
  Book(&ledger, 2'990, 3'000);  // ended after
  const RunResult result = std::move(ledger).Close(End::kComplete, 3'000 * kMs, 5);
  EXPECT_EQ(result.answered_within, 2);
  EXPECT_EQ(result.good_within, 1);
  EXPECT_EQ(result.items_within, 2);
  EXPECT_EQ(result.tokens_within, 6);
  EXPECT_EQ(result.Total().good, 2) << "by the intended send it is of the measured time, and within the objective";
  EXPECT_EQ(result.intended, 2 + 5);
}

TEST(Ledger, AWarmUpUntilSteadyMovesTheEnd) {
  Plan plan = PlanOfThreeSeconds();
  plan.warm_up = {seconds(10), milliseconds(100)};
  Ledger ledger(plan, {"main"});
  EXPECT_EQ(ledger.end_ns(), 12'000 * kMs);
  int64_t now = 0;
  while (ledger.warmed_up_at_ns() == Ledger::kStillWarmingUp && now < 10'000) {
    for (int i = 0; i < 10; ++i) Book(&ledger, now, now + 1);
    ledger.WatchWarmUp((now += 100) * kMs);
  }
  EXPECT_EQ(now, 300);
  EXPECT_EQ(ledger.end_ns(), 2'300 * kMs);
  Book(&ledger, 300, 301);
  const RunResult result = std::move(ledger).Close(End::kComplete, 2'300 * kMs, 0);
  EXPECT_EQ(result.warm_up_end, WarmUpEnd::kSteady);
  EXPECT_EQ(result.warm_up.sent, 30);
  EXPECT_EQ(result.Total().sent, 1);
}

TEST(Ledger, AServerIsLostWhenNobodyElseHasAnsweredForLong) {
  const Plan plan = PlanOfThreeSeconds();
  Ledger ledger(plan, {"main"});
  Book(&ledger, 0, 100, absl::StatusCode::kUnavailable);
  Book(&ledger, 0, 2'000, absl::StatusCode::kUnavailable);
  EXPECT_FALSE(ledger.ServerIsLost(3'100 * kMs));
  EXPECT_TRUE(ledger.ServerIsLost(3'101 * kMs));
  Book(&ledger, 0, 3'200, absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(ledger.ServerIsLost(9'000 * kMs));
}

TEST(Ledger, ARunOfNothingButUnavailableHasLostItsServer) {
  const Plan plan = PlanOfThreeSeconds();
  Ledger lost(plan, {"main"}), shaky(plan, {"main"}), idle(plan, {"main"});
  Book(&lost, 100, 101, absl::StatusCode::kUnavailable);
  Book(&lost, 1'100, 1'101, absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::move(lost).Close(End::kComplete, 3'000 * kMs, 0).end, End::kServerLost);
  Book(&shaky, 100, 101);
  Book(&shaky, 1'100, 1'101, absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::move(shaky).Close(End::kComplete, 3'000 * kMs, 0).end, End::kComplete);
  EXPECT_EQ(std::move(idle).Close(End::kComplete, 3'000 * kMs, 0).end, End::kComplete);
}

/// Bytes that are allocated; 0 under sanitizers, which have an allocator of their own.
size_t AllocatedBytes() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

TEST(Ledger, ARunOfDaysHasAsManyIntervalsAsOneOfMinutes) {
  constexpr int64_t kSeconds = 3 * 86'400;
  Plan plan = PlanOfThreeSeconds();
  plan.duration = seconds(kSeconds - 1);
  const size_t before = AllocatedBytes();
  Ledger ledger(plan, {"main"});
  for (int64_t second = 0; second < kSeconds; ++second) {
    for (const int64_t third : {0, 1, 2}) {  // from a millisecond to a minute
      Book(&ledger, 1000 * second, 1000 * second + std::llround(std::pow(10, (second * 3 + third) % 480 / 100.0)));
    }
  }
  const RunResult result = std::move(ledger).Close(End::kComplete, kSeconds * 1000 * kMs, 0);
  EXPECT_LT(AllocatedBytes() - before, 32u << 20);
  EXPECT_EQ(result.window_seconds, 1024);
  EXPECT_EQ(result.windows.size(), kSeconds / 1024 + 1);
  int64_t sent = 0, answered = 0;
  for (const Window& window : result.windows) {
    sent += window.sent;
    answered += window.answered;
    EXPECT_EQ(window.from_intended.count(), window.answered);
  }
  EXPECT_EQ(sent, 3 * kSeconds);
  EXPECT_EQ(answered, 3 * kSeconds);
  EXPECT_EQ(result.windows[0].sent, 3 * 1024);
  EXPECT_EQ(result.windows[100].sent, 3 * 1024);
}

TEST(Ledger, ARunOfMinutesIsCountedBySecond) {
  Plan plan = PlanOfThreeSeconds();
  plan.duration = seconds(300);
  Ledger ledger(plan, {"main"});
  for (int64_t second = 0; second < 300; second += 2) Book(&ledger, 1000 * second + 10, 1000 * second + 20);
  const RunResult result = std::move(ledger).Close(End::kStopped, 300'000 * kMs, 0);
  EXPECT_EQ(result.window_seconds, 1);
  ASSERT_EQ(result.windows.size(), 301u) << "the last second was silent";
  for (size_t i = 0; i < 300; ++i) EXPECT_EQ(result.windows[i].answered, i % 2 == 0);
}

TEST(Ledger, AStopStaysAStop) {
  const Plan plan = PlanOfThreeSeconds();
  Ledger ledger(plan, {"main"});
  Book(&ledger, 100, 101, absl::StatusCode::kUnavailable);
  const RunResult result = std::move(ledger).Close(End::kStopped, 500 * kMs, 0);
  EXPECT_EQ(result.end, End::kStopped);
  EXPECT_EQ(result.warm_up_seconds, 0.5);
  EXPECT_EQ(result.measured_seconds, 0);
}

}  // namespace
}  // namespace roberta::loadtest::runner
