#include "server/service/admission_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/call/failure_reason.h"
#include "tests/server/admission/puppet_queue.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {

using call::ReasonOf;
using call::RetryDelayOf;
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr auto kToken = 1ms;
constexpr AdmissionControl::Clock::time_point kNever = AdmissionControl::Clock::time_point::max();

/// One profile of 1 ms a token on one executor, in batches of 10 tokens, behind a queue of 10 items and 100 tokens.
class AdmissionControlTest : public testing::Test {
 protected:
  AdmissionControlTest() { queue_.SeedCost(0, 1e6); }

  absl::Status Admit(const admission::PendingCall& work, AdmissionControl::Clock::time_point deadline) {
    return control_.Admit(work, head_, deadline, now_, &forecast_);
  }

  AdmissionControl::Clock::time_point now_{1000s};
  admission::WaitPredictor predictor_{1, {.executors = 1, .policy = {.max_batch_tokens = 10, .long_item_tokens = 0}}};
  admission::PuppetQueue queue_{&predictor_, 1};
  metrics::ServerMetrics metrics_{{.profiles = {"baseline"}}};
  AdmissionControl control_{
      {.max_tokens = 512, .capacity_items = 10, .capacity_tokens = 100, .streams = 1, .profiles = {"baseline"}},
      &predictor_,
      &metrics_.admission()};
  call::Head head_;
  Forecast forecast_;
};

TEST_F(AdmissionControlTest, ACallWithTimeEnoughIsAdmittedAndCounts) {
  EXPECT_TRUE(Admit({.tokens = 10}, now_ + 100ms).ok());
  EXPECT_EQ(forecast_.prediction.finish, 10 * kToken);
  EXPECT_EQ(predictor_.backlog(now_).tokens, 10u);
}

TEST_F(AdmissionControlTest, ACallWithoutADeadlineIsAdmittedWhateverItTakes) {
  queue_.SeedCost(0, 1e15);
  EXPECT_TRUE(Admit({.tokens = 10}, kNever).ok());
}

TEST_F(AdmissionControlTest, ACallThatWouldBeLateIsRefusedAndDoesNotCount) {
  queue_.Queued({.items = 1, .tokens = 60});
  const absl::Status refused = Admit({.tokens = 10}, now_ + 40ms);
  EXPECT_STREQ(ReasonOf(refused), "predicted_too_late");
  EXPECT_EQ(predictor_.backlog(now_).tokens, 60u);
}

TEST_F(AdmissionControlTest, TheAdviceIsWhenEnoughHasDrained) {
  queue_.Queued({.items = 1, .tokens = 60});
  const auto delay = RetryDelayOf(Admit({.tokens = 10}, now_ + 40ms));
  ASSERT_TRUE(delay.has_value());
  EXPECT_GE(*delay, 30ms);  // of 70 ms, 40 are there
  now_ += *delay;
  queue_.Left({.items = 0, .tokens = static_cast<size_t>(delay->count())});
  EXPECT_TRUE(Admit({.tokens = 10}, now_ + 40ms).ok());
}

TEST_F(AdmissionControlTest, WithoutPredictionLateCallsAreAdmitted) {
  const AdmissionControl lenient({.predictive = false, .capacity_items = 10, .capacity_tokens = 100}, &predictor_,
                                 &metrics_.admission());
  queue_.Queued({.items = 1, .tokens = 60});
  EXPECT_TRUE(lenient.Admit({.tokens = 10}, head_, now_ + 1ms, now_, &forecast_).ok());
  EXPECT_TRUE(lenient.CheckAgain(10, {}, now_ + 1ms, now_, &forecast_).ok());
}

TEST_F(AdmissionControlTest, AProfileOfUnknownCostIsNotRefused) {
  admission::WaitPredictor unseeded(1, {});
  const AdmissionControl control({.capacity_items = 10, .capacity_tokens = 100}, &unseeded, &metrics_.admission());
  Forecast forecast;  // holds a place in `unseeded`, so it may not outlive it
  EXPECT_TRUE(control.Admit({.tokens = 100}, head_, now_ + 1ns, now_, &forecast).ok());
}

TEST_F(AdmissionControlTest, AFullQueueRefusesBeforeTokenising) {
  queue_.Queued({.items = 9, .tokens = 50});
  const absl::Status refused = Admit({.items = 2, .tokens = 10}, kNever);
  EXPECT_STREQ(ReasonOf(refused), "queue_full");
  EXPECT_EQ(RetryDelayOf(refused), 6ms);  // until one of the nine, which take 50 ms, has run
}

TEST_F(AdmissionControlTest, TokensFillTheQueueToo) {
  queue_.Queued({.items = 1, .tokens = 95});
  const absl::Status refused = Admit({.tokens = 10}, kNever);
  EXPECT_STREQ(ReasonOf(refused), "queue_full");
  EXPECT_EQ(RetryDelayOf(refused), 5ms);
}

TEST_F(AdmissionControlTest, AnEmptyQueueHasRoomForAnything) {
  EXPECT_TRUE(Admit({.items = 1000, .tokens = 100'000}, kNever).ok());
}

TEST_F(AdmissionControlTest, TheSecondLookNeedsNoMargin) {
  const AdmissionControl::Clock::time_point deadline = now_ + 100ms;
  ASSERT_TRUE(Admit({.tokens = 10}, deadline).ok());
  EXPECT_TRUE(control_.CheckAgain(95, {}, deadline, now_, &forecast_).ok());
  EXPECT_STREQ(ReasonOf(control_.CheckAgain(96, {}, deadline, now_, &forecast_)), "predicted_too_late");
}

TEST_F(AdmissionControlTest, WhereClientsGiveUpEarlyACallMustRunEarlier) {
  head_.connection = 7;
  call::Head other;
  other.connection = 8;
  const AdmissionControl::Clock::time_point deadline = now_ + 1s;
  const auto open = control_.Started(head_);
  for (int i = 0; i < 20; ++i) control_.Cancelled(head_, deadline, deadline - 940ms);  // of a second, 60 ms are left
  queue_.Queued({.items = 1, .tokens = 40});
  EXPECT_TRUE(Admit({.tokens = 10}, deadline).ok());
  const absl::Status refused = Admit({.tokens = 30}, deadline);
  EXPECT_STREQ(ReasonOf(refused), "predicted_too_late");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("gives calls up 940 ms before their deadlines"));
  EXPECT_TRUE(Admit({.tokens = 1}, kNever).ok());
  Forecast forecast;
  EXPECT_TRUE(control_.Admit({.tokens = 1}, other, now_ + 300ms, now_, &forecast).ok());
}

TEST_F(AdmissionControlTest, EstimatesTokensByBytes) {
  internal::RawClassifyRequest request;
  request.add_items()->set_text(std::string(1000, 'x'));
  request.add_items()->set_text("");
  request.mutable_items(1)->set_text_pair(std::string(100, 'x'));
  const admission::PendingCall work = control_.Estimate(request, 0, call::Priority::kHigh);
  EXPECT_EQ(work.items, 2u);
  EXPECT_EQ(work.priority, call::Priority::kHigh);
  EXPECT_NEAR(static_cast<double>(work.tokens), 242 + 26, 2);
}

TEST(Admission, ARefusedCallNeverRunsAndLeavesNothingBehind) {
  int runs = 0;
  PuppetServer server(std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    ++runs;
    return PuppetProfile::CountTokens(batch, logits);
  }));
  server.queue.SeedCost(0, 1e9);
  auto call = PuppetServer::Call({"good"});
  call->deadline = std::chrono::system_clock::now() + 1s;
  const CallOutcome outcome = server.Run(call);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_STREQ(ReasonOf(outcome.status), "predicted_too_late");
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("is predicted to take"));
  EXPECT_EQ(server.predictor.backlog(server.queue.now()()).items, 0u);
  EXPECT_EQ(runs, 0);
}

TEST(Admission, ABadRequestIsBadHoweverCrowdedItIs) {
  PuppetServer server;
  server.queue.SeedCost(0, 1e15);
  auto call = PuppetServer::Call({});
  call->deadline = std::chrono::system_clock::now() + 1s;
  EXPECT_EQ(server.Run(call).status.code(), absl::StatusCode::kInvalidArgument);
}

TEST(Admission, TooManyCallsAreToldWhenToTryAgain) {
  PuppetServer server(std::make_shared<PuppetProfile>(), 0);
  const CallOutcome outcome = server.Run(PuppetServer::Call({"good"}));
  EXPECT_STREQ(ReasonOf(outcome.status), "too_many_calls");
  EXPECT_GE(RetryDelayOf(outcome.status), 1ms);
}

TEST(Admission, EveryCallIsOfferedLoadRefusedOrNot) {
  PuppetServer server(std::make_shared<PuppetProfile>(), 0);
  server.queue.SeedCost(0, 1e9);
  server.Run(PuppetServer::Call({"good"}));
  EXPECT_GT(server.predictor.load_ratio(server.queue.now()()), 0.1);  // two tokens or more in ten seconds
}

TEST(Admission, CallsThatRanLeaveNothingBehindAndTeachTheCost) {
  PuppetServer server(std::make_shared<PuppetProfile>(), 64, {}, 2);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(server.Run(PuppetServer::Call({"good", "not good at all"})).status.ok());
  const auto now = server.queue.now()();
  EXPECT_EQ(server.predictor.backlog(now).items, 0u);
  EXPECT_EQ(server.predictor.backlog(now).tokens, 0u);
  EXPECT_TRUE(server.admission.Predict({.tokens = 3}, now).known);
}

class CallerLimitsTest : public AdmissionControlTest {
 protected:
  static call::Head HeadOf(security::Caller caller) {
    call::Head head;
    head.caller = std::make_shared<security::Caller>(std::move(caller));
    return head;
  }
  absl::Status Admit(const call::Head& head, admission::PendingCall work) {
    work.caller = head.caller->index;
    return limited_.Admit(work, head, kNever, now_, &forecast_);
  }
  AdmissionControl limited_{
      {.capacity_items = 10, .capacity_tokens = 100, .caller_share = 0.5, .caller_items_per_second = 10},
      &predictor_,
      &metrics_.admission()};
  const call::Head usual_ = HeadOf({.name = "usual", .index = 1});
};

TEST_F(CallerLimitsTest, OneCallerHasNoMoreThanItsShareOfTheQueue) {
  queue_.Queued({.items = 5, .tokens = 20, .caller = 1});
  const absl::Status refused = Admit(usual_, {.items = 1, .tokens = 1});
  EXPECT_STREQ(ReasonOf(refused), "caller_share");
  EXPECT_GT(*RetryDelayOf(refused), 0ms);
  EXPECT_TRUE(Admit(HeadOf({.name = "other", .index = 2}), {.items = 1, .tokens = 1}).ok());
  EXPECT_TRUE(Admit(HeadOf({.name = "usual", .index = 1, .share = 0.9}), {.items = 1, .tokens = 1}).ok());
}

TEST_F(CallerLimitsTest, TokensCountToo) {
  queue_.Queued({.items = 1, .tokens = 45, .caller = 1});
  EXPECT_STREQ(ReasonOf(Admit(usual_, {.items = 1, .tokens = 10})), "caller_share");
}

TEST_F(CallerLimitsTest, ACallerWhoHasNothingWaitingMaySendOneLargeCall) {
  EXPECT_TRUE(Admit(usual_, {.items = 9, .tokens = 90}).ok());
}

TEST_F(CallerLimitsTest, BeyondItsRateACallerWaits) {
  EXPECT_TRUE(limited_.CheckRate(usual_, now_).ok());
  limited_.CountItems(usual_, 12, now_);
  const absl::Status refused = limited_.CheckRate(usual_, now_);
  EXPECT_STREQ(ReasonOf(refused), "caller_rate");
  EXPECT_EQ(RetryDelayOf(refused), 200ms);
  EXPECT_TRUE(limited_.CheckRate(usual_, now_ + 200ms).ok());
  EXPECT_TRUE(limited_.CheckRate(HeadOf({.name = "fast", .index = 1, .items_per_second = 0}), now_).ok());
}

}  // namespace
}  // namespace roberta::service
