#include "server/batching/caller_turns.h"

#include <gmock/gmock.h>

#include "tests/server/batching/hand_driven_queue.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(CallerTurns, ASingleCallersItemsStayInTheirOrder) {
  CallerTurns turns;
  EXPECT_EQ(turns.Enter(3, 10), 0u);
  EXPECT_EQ(turns.Enter(3, 5), 10u);
  turns.Run(0);
  EXPECT_EQ(turns.Enter(3, 1), 15u);
}

TEST(CallerTurns, WhoHasLittleWaitingComesBehindAsMuchOfOthersAndNoMore) {
  CallerTurns turns;
  for (int i = 0; i < 100; ++i) turns.Enter(1, 10);
  turns.Run(50);
  EXPECT_EQ(turns.Enter(2, 10), 50u);
  EXPECT_EQ(turns.Enter(2, 10), 60u);
}

TEST(CallerTurns, WhatWasDroppedIsNotHeldAgainstACallerWhoHasNothingWaiting) {
  CallerTurns turns;
  for (int i = 0; i < 100; ++i) turns.Enter(1, 10);
  turns.Run(50);
  for (int i = 0; i < 100; ++i) turns.Leave(1);
  EXPECT_EQ(turns.Enter(1, 10), 50u);
}

/// Batches of 10 tokens.
class FairQueueTest : public BatchQueueTest {
 protected:
  void PushOf(size_t caller, int32_t name, const std::vector<size_t>& lengths, Priority priority = Priority::kNormal) {
    auto job = JobOf(backend_, name, lengths);
    job->caller = caller;
    job->priority = priority;
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  }
};

TEST_F(FairQueueTest, ASingleItemOfOneCallerDoesNotWaitForTheManyOfAnother) {
  for (int i = 0; i < 4; ++i) PushOf(1, 10 + i, {5});
  PushOf(2, 90, {5});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(10, 90), ElementsAre(11, 12), ElementsAre(13)));
}

TEST_F(FairQueueTest, NorForTheRestOfALargeCall) {
  PushOf(1, 10, {5, 5, 5, 5});
  EXPECT_TRUE(RunOne());
  PushOf(2, 90, {5});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(10, 11), ElementsAre(90, 12), ElementsAre(13)));
}

TEST_F(FairQueueTest, WhatWaitsForItsOwnCallerBecomesNoMoreUrgent) {
  for (int i = 0; i < 5; ++i) PushOf(1, 10 + i, {5});
  EXPECT_TRUE(RunOne());
  now_ += 10s;
  PushOf(2, 90, {10});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs()[1], ElementsAre(90));
}

TEST_F(FairQueueTest, PriorityGoesBeforeFairness) {
  for (int i = 0; i < 2; ++i) PushOf(1, 10 + i, {10}, Priority::kHigh);
  PushOf(2, 90, {10});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(10), ElementsAre(11), ElementsAre(90)));
}

TEST_F(FairQueueTest, BulkWorkOfCallersTakesTurnsToo) {
  const auto push = [&](size_t caller, int32_t name) {
    auto job = JobOf(backend_, name, {10});
    job->caller = caller;
    EXPECT_EQ(queue_.PushBulk(job), PushResult::kTaken);
  };
  for (int i = 0; i < 4; ++i) push(1, 10 + i);
  EXPECT_TRUE(RunOne());
  push(2, 90);
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(),
              ElementsAre(ElementsAre(10), ElementsAre(90), ElementsAre(11), ElementsAre(12), ElementsAre(13)));
}

TEST_F(FairQueueTest, CallersWithMuchWaitingTakeTurns) {
  for (int i = 0; i < 3; ++i) PushOf(1, 10 + i, {5});
  for (int i = 0; i < 3; ++i) PushOf(2, 20 + i, {5});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(10, 20), ElementsAre(11, 21), ElementsAre(12, 22)));
}

}  // namespace
}  // namespace roberta::batching
