#include "server/admission/wait_predictor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/server/admission/puppet_queue.h"

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;
using Behind = WaitPredictor::Behind;

constexpr auto kToken = 1ms;

/// Two profiles of 1 ms a token, one executor, batches of 10 tokens.
class WaitPredictorTest : public testing::Test {
 protected:
  WaitPredictorTest() {
    for (const size_t profile : {0, 1}) queue_.SeedCost(profile, 1e6);
  }
  std::chrono::nanoseconds Finish(const PendingCall& call, Behind behind = Behind::kAllAdmitted) const {
    return predictor_.Predict(call, behind, now_).finish;
  }

  WaitPredictor::Clock::time_point now_{1000s};
  WaitPredictor predictor_{2, {.executors = 1, .policy = {.max_batch_tokens = 10, .long_item_tokens = 0}}};
  PuppetQueue queue_{&predictor_};
};

TEST_F(WaitPredictorTest, PredictsTheCallsOwnTimeOnAnIdleServer) {
  EXPECT_EQ(Finish({.tokens = 7}), 7 * kToken);
}

TEST_F(WaitPredictorTest, ACallWaitsForNoMoreOfAnotherCallerThanItsOwnHasWaiting) {
  for (int i = 0; i < 10; ++i) queue_.Queued({.tokens = 10, .caller = 1});
  EXPECT_EQ(Finish({.tokens = 10, .caller = 1}), 110 * kToken);
  EXPECT_EQ(Finish({.tokens = 10, .caller = 2}), 20 * kToken);
  queue_.Queued({.tokens = 20, .caller = 2});
  EXPECT_EQ(Finish({.tokens = 10, .caller = 2}), 60 * kToken);
  EXPECT_EQ(predictor_.held_by(1).tokens, 100u);
  EXPECT_EQ(predictor_.held_by(2).items, 1u);
  for (int i = 0; i < 10; ++i) queue_.Left({.tokens = 10, .caller = 1});
  EXPECT_EQ(predictor_.held_by(1).items, 0u);
  EXPECT_EQ(Finish({.tokens = 10, .caller = 1}), 20 * kToken);
}

TEST_F(WaitPredictorTest, KnowsNothingOfAProfileThatNeverRan) {
  const WaitPredictor unseeded(1, {});
  EXPECT_FALSE(unseeded.Predict({.tokens = 7}, Behind::kAllAdmitted, now_).known);
}

TEST_F(WaitPredictorTest, CountsWhatWaits) {
  queue_.Queued({.items = 1, .tokens = 30});
  EXPECT_EQ(Finish({.tokens = 10}), 40 * kToken);
  queue_.Left({.items = 1, .tokens = 30});
  EXPECT_EQ(Finish({.tokens = 10}), 10 * kToken);
}

TEST_F(WaitPredictorTest, CountsWhatWasAdmittedAndIsNotInTheQueueYet) {
  Reservation reservation = predictor_.Reserve({.tokens = 30}, now_);
  EXPECT_EQ(Finish({.tokens = 10}), 40 * kToken);
  EXPECT_EQ(Finish({.tokens = 10}, Behind::kQueuedOnly), 10 * kToken);
  reservation.reset();
  EXPECT_EQ(Finish({.tokens = 10}), 10 * kToken);
}

TEST_F(WaitPredictorTest, ExpectsAsManyToJoinTheBatchAsCameBefore) {
  for (int i = 0; i < 5000; ++i) predictor_.Reserve({.tokens = 1}, now_ += 1ms);  // 1 token a ms
  queue_.BatchStarted(0, 5, now_);
  EXPECT_NEAR(static_cast<double>(Finish({.tokens = 2}).count()), 5e6 + 7e6, 1e5);
  queue_.BatchEnded(0, 5, now_, now_ + 5ms);
  queue_.BatchStarted(0, 5, now_ += 100s);
  EXPECT_NEAR(static_cast<double>(Finish({.tokens = 2}).count()), 5e6 + 2e6, 1e5);
}

TEST_F(WaitPredictorTest, AReservationThatMovesCountsOnce) {
  Reservation first = predictor_.Reserve({.tokens = 30}, now_);
  {
    const Reservation second = std::move(first);
    EXPECT_EQ(Finish({.tokens = 10}), 40 * kToken);
  }
  first = predictor_.Reserve({.tokens = 5}, now_);
  first = predictor_.Reserve({.tokens = 20}, now_);
  EXPECT_EQ(Finish({.tokens = 10}), 30 * kToken);
}

TEST_F(WaitPredictorTest, ABatchThatRunsCountsLessAndLess) {
  queue_.BatchStarted(0, 10, now_);
  EXPECT_EQ(Finish({.tokens = 7}), 17 * kToken);
  now_ += 4 * kToken;
  EXPECT_EQ(Finish({.tokens = 7}), 13 * kToken);
  now_ += 100 * kToken;  // overdue
  EXPECT_EQ(Finish({.tokens = 7}), 7 * kToken);
}

TEST_F(WaitPredictorTest, ABatchThatEndedCountsNoMore) {
  queue_.BatchStarted(0, 10, now_);
  queue_.BatchStarted(1, 10, now_);
  queue_.BatchEnded(0, 10, now_, now_ + 10 * kToken);
  queue_.BatchEnded(1, 10, now_, now_ + 10 * kToken);
  EXPECT_EQ(predictor_.backlog(now_).drain, 0ns);
}

TEST_F(WaitPredictorTest, LearnsWhatATokenCostsOfEachProfile) {
  for (int i = 0; i < 500; ++i) {
    for (const size_t tokens : {2, 10}) queue_.BatchEnded(0, tokens, now_, now_ + tokens * 3ms);
  }
  EXPECT_NEAR(static_cast<double>(Finish({.profile = 0, .tokens = 10}).count()), 30e6, 1e5);
  EXPECT_EQ(Finish({.profile = 1, .tokens = 10}), 10 * kToken);
}

TEST_F(WaitPredictorTest, TheSameSeedAgainKeepsWhatWasLearned) {
  for (int i = 0; i < 500; ++i) queue_.BatchEnded(0, 10, now_, now_ + 30ms);
  const auto learned = Finish({.tokens = 10});
  queue_.SeedCost(0, 1e6);
  EXPECT_EQ(Finish({.tokens = 10}), learned);
  queue_.SeedCost(0, 2e6);
  EXPECT_EQ(Finish({.tokens = 10}), 20ms);
}

TEST_F(WaitPredictorTest, CallsThatEndLateRaiseTheMarginOfTheirKindOnly) {
  const PendingCall call = {.priority = call::Priority::kLow, .tokens = 10};
  const Prediction before = predictor_.Predict(call, Behind::kAllAdmitted, now_);
  for (int i = 0; i < 20; ++i) predictor_.LearnError(call, before, 2 * before.finish, now_);
  EXPECT_GT(predictor_.Predict(call, Behind::kAllAdmitted, now_).margin, before.margin);
  EXPECT_EQ(predictor_.Predict({.tokens = 10}, Behind::kAllAdmitted, now_).margin, before.margin);
}

TEST_F(WaitPredictorTest, ExpiredCallsRaiseTheMarginButNotTheBias) {
  const PendingCall call = {.tokens = 10};
  const Prediction before = predictor_.Predict(call, Behind::kAllAdmitted, now_);
  predictor_.LearnExpiry(call, before, before.finish / 2, now_);
  EXPECT_EQ(predictor_.Predict(call, Behind::kAllAdmitted, now_).margin, before.margin);
  predictor_.LearnExpiry(call, before, before.finish * 2, now_);
  EXPECT_GT(predictor_.Predict(call, Behind::kAllAdmitted, now_).margin, before.margin);
  EXPECT_EQ(predictor_.bias(0), 0ns);
}

TEST_F(WaitPredictorTest, BiasIsHowMuchLaterCallsEndThanPredicted) {
  const PendingCall call = {.tokens = 10};
  const Prediction prediction = predictor_.Predict(call, Behind::kAllAdmitted, now_);
  for (int i = 0; i < 1000; ++i) predictor_.LearnError(call, prediction, prediction.finish - 3ms, now_);
  EXPECT_NEAR(static_cast<double>(predictor_.bias(0).count()), -3e6, 1e3);
  EXPECT_EQ(predictor_.bias(1), 0ns);
}

TEST_F(WaitPredictorTest, BacklogIsWhatWaitsAndTheTimeItTakes) {
  queue_.Queued({.items = 2, .tokens = 30});
  const Reservation reservation = predictor_.Reserve({.profile = 1, .items = 3, .tokens = 20}, now_);
  queue_.BatchStarted(0, 10, now_);
  const WaitPredictor::Backlog backlog = predictor_.backlog(now_);
  EXPECT_EQ(backlog.items, 5u);
  EXPECT_EQ(backlog.tokens, 50u);
  EXPECT_EQ(backlog.drain, 60 * kToken);
}

TEST_F(WaitPredictorTest, LoadRatioCountsOfferedCallsByTheirCost) {
  for (int i = 0; i < 1000; ++i) {
    now_ += 10ms;
    predictor_.Offer({.tokens = 20}, now_);
  }
  EXPECT_NEAR(predictor_.load_ratio(now_), 2.0, 0.05);
}

TEST_F(WaitPredictorTest, ManyThreadsLeaveNothingBehind) {
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const PendingCall call = {.profile = t % 2,
                                  .priority = static_cast<call::Priority>(t % call::kCallPriorities),
                                  .items = 1,
                                  .tokens = 5};
        Reservation reservation = predictor_.Reserve(call, now_);
        const Prediction prediction = predictor_.Predict(call, Behind::kAllAdmitted, now_);
        queue_.Queued(call);
        reservation.reset();
        queue_.Left(call);
        queue_.BatchStarted(call.profile, call.tokens, now_);
        queue_.BatchEnded(call.profile, call.tokens, now_, now_ + 5ms);
        predictor_.LearnError(call, prediction, 5ms, now_);
        predictor_.LearnTokens(1, 20, 5);
        predictor_.Offer(call, now_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(predictor_.backlog(now_).items, 0u);
  EXPECT_EQ(predictor_.backlog(now_).drain, 0ns);
}

TEST(OvertakingPredictor, ShortWorkDoesNotWaitForALongBatch) {
  const WaitPredictor::Clock::time_point now{1000s};
  WaitPredictor predictor(1, {.executors = 1, .policy = {.long_item_tokens = 50}});
  PuppetQueue queue(&predictor);
  queue.SeedCost(0, 1e6);
  queue.BatchStarted(0, 100, now, true);
  const auto finish = [&](const PendingCall& call) {
    return predictor.Predict(call, Behind::kAllAdmitted, now).finish;
  };
  EXPECT_NEAR(static_cast<double>(finish({.tokens = 49}).count()), 49e6, 1e3);
  EXPECT_NEAR(static_cast<double>(finish({.tokens = 50}).count()), 150e6, 1e3);
  EXPECT_NEAR(static_cast<double>(finish({.items = 2, .tokens = 98}).count()), 98e6, 1e3);
}

/// Two executors, the idle one of which helps; a token takes 1 ms, and 0.6 ms with help.
class HelpedPredictorTest : public WaitPredictorTest {
 protected:
  HelpedPredictorTest() {
    helped_queue_.SeedCost(0, 1e6);
    for (int i = 0; i < 200; ++i) {
      helped_queue_.BatchEnded(0, 10, now_, now_ + 6ms, 6ms);
      helped_queue_.BatchEnded(0, 10, now_, now_ + 10ms, 0ms);
    }
  }
  double FinishMs(const PendingCall& call) const {
    return static_cast<double>(helped_.Predict(call, Behind::kAllAdmitted, now_).finish.count()) / 1e6;
  }
  WaitPredictor helped_{
      1, {.executors = 2, .split_lone_batches = true, .policy = {.max_batch_tokens = 100, .long_item_tokens = 0}}};
  PuppetQueue helped_queue_{&helped_};
};

TEST_F(HelpedPredictorTest, ALoneCallTakesWhatItTakesWithHelp) {
  EXPECT_NEAR(FinishMs({.tokens = 10}), 6, 0.1);
  EXPECT_NEAR(FinishMs({.items = 2, .tokens = 20}), 10, 0.1);  // a batch for each executor: nobody helps
}

TEST_F(HelpedPredictorTest, WhereAnotherRunsNobodyHelps) {
  helped_queue_.BatchStarted(0, 10, now_);
  EXPECT_NEAR(FinishMs({.tokens = 10}), 10, 0.1);
}

TEST_F(HelpedPredictorTest, ABatchWhoseHelperLeftTakesLonger) {
  helped_queue_.BatchStarted(0, 10, now_);
  helped_queue_.BatchStarted(0, 50, now_ + 3ms);  // half of the first one's 6 ms are over, and 5 ms are left of it
  now_ += 3ms;
  EXPECT_NEAR(FinishMs({.tokens = 10}), 5 + 10, 0.2);
}

}  // namespace
}  // namespace roberta::admission
