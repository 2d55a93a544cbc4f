#include "loadtest/stats/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace roberta::loadtest::stats {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

TEST(Tally, EveryCodeHasAnOutcomeAndOnlyOkIsAnswered) {
  for (int code = 0; code <= 16; ++code) {
    EXPECT_EQ(OutcomeOf(static_cast<absl::StatusCode>(code)) == Outcome::kAnswered, code == 0);
  }
  EXPECT_EQ(OutcomeOf(absl::StatusCode::kResourceExhausted), Outcome::kRefused);
  EXPECT_EQ(OutcomeOf(absl::StatusCode::kUnavailable), Outcome::kUnavailable);
  EXPECT_EQ(OutcomeOf(absl::StatusCode::kDeadlineExceeded), Outcome::kExpired);
  EXPECT_EQ(OutcomeOf(absl::StatusCode::kCancelled), Outcome::kCancelled);
  EXPECT_EQ(OutcomeOf(absl::StatusCode::kInvalidArgument), Outcome::kFailed);
}

TEST(Tally, OutcomesHaveDifferentNames) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kOutcomes; ++i) names.insert(OutcomeName(static_cast<Outcome>(i)));
  EXPECT_EQ(names.size(), kOutcomes);
}

TEST(Tally, KeepsBothClocks) {
  Tally tally;
  tally.Add({.intended_ns = 1 * kMs, .ready_ns = 4 * kMs, .sent_ns = 5 * kMs, .received_ns = 11 * kMs}, INT64_MAX);
  EXPECT_EQ(tally.answered_from_intended.max(), 10 * kMs);
  EXPECT_EQ(tally.answered_from_sent.max(), 6 * kMs);
  EXPECT_EQ(tally.lateness.max(), 1 * kMs);
}

TEST(Tally, AnAnswerIsGoodUpToTheObjectiveFromTheIntendedSend) {
  Tally tally;
  for (const int64_t received_ms : {9, 10, 11}) {
    tally.Add({.sent_ns = 8 * kMs, .received_ns = received_ms * kMs}, 10 * kMs);
  }
  EXPECT_EQ(tally.good, 2);
}

TEST(Tally, RefusalsAndErrorsAreInNoLatencyOfAnswers) {
  Tally tally;
  tally.Add({.received_ns = 3 * kMs, .code = absl::StatusCode::kResourceExhausted}, INT64_MAX);
  tally.Add({.received_ns = 4 * kMs, .code = absl::StatusCode::kInternal}, INT64_MAX);
  EXPECT_EQ(tally.answered_from_sent.count(), 0);
  EXPECT_EQ(tally.refused_from_sent.max(), 3 * kMs);
  EXPECT_EQ(tally.good, 0);
  EXPECT_EQ(tally.lateness.count(), 2);
}

TEST(Tally, SumsWhatTheServerSays) {
  v1::ClassifyResponse response;
  response.set_profile_used("quantized");
  response.set_batch_items(5);
  response.add_results()->mutable_classification()->set_token_count(7);
  response.add_results()->mutable_classification()->set_token_count(4);
  response.add_results()->mutable_status()->set_code(3);
  response.mutable_phases()->set_queue_ns(20);
  response.mutable_phases()->set_total_ns(100);
  Tally tally;
  tally.Add({.response = &response}, INT64_MAX);
  tally.Add({.response = &response}, INT64_MAX);
  EXPECT_EQ(tally.items, 6);
  EXPECT_EQ(tally.failed_items, 2);
  EXPECT_EQ(tally.tokens, 22);
  EXPECT_EQ(tally.batch_items, 10);
  EXPECT_EQ(tally.profiles_used.at("quantized"), 2);
  EXPECT_EQ(tally.phases.calls, 2);
  EXPECT_EQ(tally.phases.queue_ns, 40);
  EXPECT_EQ(tally.phases.total_ns, 200);
}

TEST(Tally, BooksBalanceWhenEveryRequestHasEnded) {
  Tally tally;
  tally.sent = 2;
  tally.Add({}, INT64_MAX);
  const absl::Status status = tally.CheckBooks();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(status.message(), HasSubstr("2 requests sent, 1 outcomes"));
  tally.Add({.code = absl::StatusCode::kUnavailable}, INT64_MAX);
  EXPECT_TRUE(tally.CheckBooks().ok());
}

TEST(Tally, MergingAddsUp) {
  Tally one, two;
  one.sent = 1;
  one.Add({.received_ns = 5}, 10);
  two.sent = 2;
  two.Add({.received_ns = 7}, 10);
  two.Add({.code = absl::StatusCode::kCancelled}, 10);
  one.Merge(two);
  EXPECT_TRUE(one.CheckBooks().ok());
  EXPECT_EQ(one.good, 2);
  EXPECT_EQ(one.Count(Outcome::kCancelled), 1);
  EXPECT_EQ(one.codes.at(absl::StatusCode::kOk), 2);
  EXPECT_EQ(one.answered_from_sent.max(), 7);
}

}  // namespace
}  // namespace roberta::loadtest::stats
