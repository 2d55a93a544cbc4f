#include "server/batching/batch_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/batching/hand_driven_queue.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(BatchQueueTest, ACallInSeveralBatchesIsJoinedInOrder) {
  const auto job = Push(100, {4, 4, 4, 4, 4});
  while (RunOne()) {
  }
  EXPECT_THAT(job->outputs, ElementsAre(100, 101, 102, 103, 104));
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 101), ElementsAre(102, 103), ElementsAre(104)));
  EXPECT_EQ(done_[job.get()], 1);
}

TEST_F(BatchQueueTest, ProgressTellsWorkThatWaitsOrRunsAndBatchesThatHaveEnded) {
  EXPECT_FALSE(queue_.progress().has_work);
  Push(100, {4});
  EXPECT_TRUE(queue_.progress().has_work);
  const auto batch = queue_.TryTake({});
  EXPECT_TRUE(queue_.progress().has_work);
  EXPECT_EQ(queue_.progress().batches_ended, 0u);
  queue_.Complete(*batch, RunBatch(*batch, queue_.now()));
  EXPECT_FALSE(queue_.progress().has_work);
  EXPECT_EQ(queue_.progress().batches_ended, 1u);
}

TEST_F(BatchQueueTest, BatchesThatEndInAnotherOrderAreJoinedInOrder) {
  const auto job = Push(100, {6, 6});
  const auto first = queue_.TryTake({}), second = queue_.TryTake({});
  queue_.Complete(*second, RunBatch(*second, queue_.now()));
  EXPECT_EQ(done_[job.get()], 0);
  queue_.Complete(*first, RunBatch(*first, queue_.now()));
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_THAT(job->outputs, ElementsAre(100, 101));
}

TEST_F(BatchQueueTest, CallsShareABatchAndGetTheirOwn) {
  const auto first = Push(100, {2, 1});
  const auto second = Push(200, {3});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 101, 200)));
  EXPECT_THAT(first->outputs, ElementsAre(100, 101));
  EXPECT_THAT(second->outputs, ElementsAre(200));
  EXPECT_EQ(second->largest_batch_items, 3u);
}

TEST_F(BatchQueueTest, BulkIsTakenInWhateverThereIsAlready) {
  for (int i = 0; i < 100; ++i) PushBulk(100 + i, {9});
  EXPECT_EQ(Push(1, {10})->results.size(), 1u);  // and takes no room from calls
  EXPECT_EQ(queue_.depth().items[0][static_cast<size_t>(Priority::kNormal)], 1u);
  int runs = 0;
  while (RunOne()) ++runs;
  EXPECT_EQ(runs, 101);
  EXPECT_EQ(done_.size(), 101u);
}

TEST_F(BatchQueueTest, ACallOvertakesBulkOfItsOwnPriorityThatCameBefore) {
  for (int i = 0; i < 3; ++i) PushBulk(100 + i, {10});
  EXPECT_TRUE(RunOne());
  now_ += 100s;  // waiting in the line makes no bulk more urgent
  Push(1, {10});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100), ElementsAre(1)));
}

TEST_F(BatchQueueTest, BulkIsLetInAsMuchAsABatchTakes) {
  for (int i = 0; i < 10; ++i) PushBulk(100 + i, {2});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs().front(), ElementsAre(100, 101, 102, 103));  // bulk_batch_tokens of 8
}

TEST_F(BatchQueueTest, BulkThatWasLetInAgesLikeAnyOther) {
  PushBulk(100, {10}, Priority::kLow);
  PushBulk(101, {10}, Priority::kLow);
  Push(1, {10});
  EXPECT_TRUE(RunOne());  // the call, which is more urgent, though the first of the bulk was let in
  now_ += 10s;
  Push(2, {10});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(1), ElementsAre(100)));
}

TEST_F(BatchQueueTest, BulkOfOneProfileDoesNotWaitForThatOfAnother) {
  for (int i = 0; i < 3; ++i) PushBulk(100 + i, {10});
  const auto other = PushBulk(200, {10}, Priority::kNormal, 1);
  EXPECT_TRUE(RunOne());
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(done_[other.get()], 1);
}

TEST_F(BatchQueueTest, BulkThatIsCancelledIsDroppedWhereverItStands) {
  for (int i = 0; i < 3; ++i) PushBulk(100 + i, {10});
  std::atomic<bool> cancelled{false};
  auto last = JobOf(backend_, 200, {10, 10});
  last->cancelled = &cancelled;
  last->done = [this](Job& done) { ++done_[&done]; };
  EXPECT_EQ(queue_.PushBulk(last), PushResult::kTaken);
  cancelled = true;
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(done_[last.get()], 1);
  EXPECT_EQ(last->results[1].outcome, Outcome::kCancelled);
}

TEST_F(BatchQueueTest, BulkThatExpiresIsDroppedWhereverItStands) {
  for (int i = 0; i < 3; ++i) PushBulk(100 + i, {10});
  auto last = JobOf(backend_, 200, {10});
  last->deadline = now_ + 1s;
  last->done = [this](Job& done) { ++done_[&done]; };
  EXPECT_EQ(queue_.PushBulk(last), PushResult::kTaken);
  now_ += 1s;
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(done_[last.get()], 1);
  EXPECT_EQ(last->results[0].outcome, Outcome::kExpired);
}

TEST_F(BatchQueueTest, AClosedQueueStillRunsTheBulkItTookIn) {
  for (int i = 0; i < 3; ++i) PushBulk(100 + i, {10});
  queue_.Close();
  EXPECT_EQ(queue_.PushBulk(JobOf(backend_, 1, {1})), PushResult::kClosed);
  int taken = 0;
  while (queue_.Take(std::nullopt).has_value()) ++taken;
  EXPECT_EQ(taken, 3);
}

TEST_F(BatchQueueTest, AFailureIsReportedForItsItemAlone) {
  const auto good = Push(100, {2});
  const auto bad = Push(-1, {2, 2});  // the second one's name is 0
  EXPECT_TRUE(RunOne());
  EXPECT_TRUE(good->results[0].status.ok());
  EXPECT_EQ(bad->results[0].status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(bad->results[1].status.ok());
}

TEST_F(BatchQueueTest, AnExpiredCallIsReportedOnceAndNeverRuns) {
  const auto job = Push(100, {2, 2}, now_ + 5ms);
  now_ += 5ms;
  EXPECT_FALSE(RunOne());
  EXPECT_FALSE(RunOne());
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_EQ(job->results[0].outcome, Outcome::kExpired);
  EXPECT_EQ(job->results[1].outcome, Outcome::kExpired);
  EXPECT_THAT(backend_->runs(), IsEmpty());
}

TEST_F(BatchQueueTest, ACancelledCallIsReportedOnceAndNeverRuns) {
  std::atomic<bool> cancelled{false};
  const auto job = Push(100, {2});
  job->cancelled = &cancelled;
  cancelled = true;
  EXPECT_FALSE(RunOne());
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_EQ(job->results[0].outcome, Outcome::kCancelled);
  EXPECT_THAT(backend_->runs(), IsEmpty());
}

TEST_F(BatchQueueTest, TheExpiredAreToldWithTheNextBatchWhereverTheyStand) {
  Push(100, {10});
  Push(200, {4}, now_ + 5ms);
  const auto last = Push(300, {4}, now_ + 4ms);
  const auto later = Push(400, {4}, now_ + 6ms);
  now_ += 5ms;
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(last->results[0].outcome, Outcome::kExpired);
  EXPECT_EQ(done_.size(), 3u);
  EXPECT_EQ(done_.count(later.get()), 0u);
}

TEST_F(BatchQueueTest, TheCancelledMakeRoomSoonThoughTheirTurnIsFar) {
  std::atomic<bool> cancelled{false};
  Push(100, {10});
  Push(200, {10});
  const auto job = Push(300, {10});
  job->cancelled = &cancelled;
  cancelled = true;
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_EQ(queue_.depth().tokens[0], 10u);
}

TEST_F(BatchQueueTest, OfACancelledCallPastItsDeadlineOneOutcomeIsReported) {
  const std::atomic<bool> cancelled{true};
  const auto job = Push(100, {4}, now_);
  job->cancelled = &cancelled;
  EXPECT_FALSE(RunOne());
  EXPECT_EQ(done_[job.get()], 1);
}

TEST_F(BatchQueueTest, ABatchHasOneProfile) {
  Push(100, {2});
  auto other = JobOf(std::make_shared<PuppetBackend>(), 200, {2});
  other->profile = 1;
  EXPECT_EQ(queue_.Push(other), PushResult::kTaken);
  Push(300, {2});
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 300)));
}

TEST_F(BatchQueueTest, OfACallCancelledHalfwayTheRestNeverRuns) {
  std::atomic<bool> cancelled{false};
  const auto job = Push(100, {6, 6});
  job->cancelled = &cancelled;
  const auto first = queue_.TryTake({});
  cancelled = true;
  EXPECT_FALSE(RunOne());
  EXPECT_EQ(done_[job.get()], 0);
  queue_.Complete(*first, RunBatch(*first, queue_.now()));
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_EQ(job->results[0].outcome, Outcome::kRan);
  EXPECT_EQ(job->results[1].outcome, Outcome::kCancelled);
}

TEST_F(BatchQueueTest, AFullQueueRefusesAtOnce) {
  Push(100, std::vector<size_t>(8, 1));
  EXPECT_EQ(queue_.Push(JobOf(backend_, 200, {1, 1, 1})), PushResult::kFull);
  EXPECT_EQ(queue_.Push(JobOf(backend_, 200, {23})), PushResult::kFull);
  EXPECT_EQ(queue_.Push(JobOf(backend_, 200, {1, 21})), PushResult::kTaken);
}

TEST_F(BatchQueueTest, WhatLeftTheQueueMakesRoom) {
  Push(100, std::vector<size_t>(10, 1));
  EXPECT_TRUE(RunOne());
  Push(200, std::vector<size_t>(10, 1));
}

TEST_F(BatchQueueTest, AnEmptyQueueTakesACallOverItsCapacity) {
  const auto job = Push(100, std::vector<size_t>(40, 1));
  while (RunOne()) {
  }
  EXPECT_EQ(done_[job.get()], 1);
}

TEST_F(BatchQueueTest, AClosedQueueTakesNothingInAndLosesNothing) {
  const auto job = Push(100, {2});
  queue_.Close();
  EXPECT_EQ(queue_.Push(JobOf(backend_, 200, {1})), PushResult::kClosed);
  const auto batch = queue_.Take({});
  ASSERT_TRUE(batch);
  queue_.Complete(*batch, RunBatch(*batch, queue_.now()));
  EXPECT_EQ(done_[job.get()], 1);
  EXPECT_FALSE(queue_.Take({}));
}

TEST_F(BatchQueueTest, SaysWhatWaits) {
  Push(100, {6, 6});
  now_ += 3ms;
  auto job = JobOf(backend_, 200, {2});
  job->profile = 1;
  job->priority = Priority::kHigh;
  EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  const auto running = queue_.TryTake({});
  const BatchQueue::Depth depth = queue_.depth();
  EXPECT_THAT(depth.items, ElementsAre(ElementsAre(0, 2, 0, 0), Each(0)));  // the high one runs
  EXPECT_THAT(depth.tokens, ElementsAre(12, 0));
  EXPECT_EQ(depth.oldest_age, 3ms);
}

TEST_F(BatchQueueTest, WhatABatchReallyTookDecidesWhoIsNext) {
  const auto other = std::make_shared<PuppetBackend>();
  for (int i = 0; i < 5; ++i) {
    Push(100, {2});
    auto job = JobOf(other, 200, {2});
    job->profile = 1;
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  }
  for (int i = 0; i < 2; ++i) {
    const auto batch = queue_.TryTake({});
    ASSERT_TRUE(batch);
    BatchRun run = RunBatch(*batch, queue_.now());
    run.ended = run.started + (batch->profile == 0 ? 50ms : 1ms);
    queue_.Complete(*batch, run);
  }
  Push(100, {2});
  auto job = JobOf(other, 200, {2});
  job->profile = 1;
  EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  EXPECT_EQ(queue_.TryTake({})->profile, 1u);
}

TEST_F(BatchQueueTest, SaysHowLongWhatWaitsWillTakeByWhatTokensHaveCost) {
  auto other = JobOf(std::make_shared<PuppetBackend>(), 200, {4});
  other->profile = 1;
  for (int i = 0; i < 200; ++i) {
    Push(100, {10});
    RunOne(20us);  // 2 us a token
  }
  EXPECT_EQ(queue_.waiting_work(), 0ns);
  Push(100, {10});
  EXPECT_NEAR(std::chrono::duration<double>(queue_.waiting_work()).count(), 20e-6, 1e-9);
  EXPECT_EQ(queue_.Push(other), PushResult::kTaken);
  const auto added = queue_.waiting_work();
  EXPECT_GT(added, 40us);  // nothing is known of the other profile yet
  EXPECT_TRUE(RunOne());
  EXPECT_LT(queue_.waiting_work(), added);
}

/// Takes in a job of shadow traffic.
std::shared_ptr<Job> PushShadow(BatchQueue& queue, const std::shared_ptr<Backend>& backend,
                                const std::vector<size_t>& lengths) {
  auto job = JobOf(backend, 500, lengths);
  job->priority = Priority::kShadow;
  EXPECT_EQ(queue.Push(job), PushResult::kTaken);
  return job;
}

TEST_F(BatchQueueTest, ShadowTrafficTakesNoRoom) {
  const auto shadow = PushShadow(queue_, backend_, std::vector<size_t>(40, 1));
  Push(100, std::vector<size_t>(10, 1));
  EXPECT_EQ(queue_.Push(JobOf(backend_, 200, {1})), PushResult::kFull);
  PushShadow(queue_, backend_, {1});
  while (RunOne()) {
  }
  EXPECT_EQ(shadow->results.back().outcome, Outcome::kRan);
  EXPECT_EQ(queue_.waiting_work(), 0ns);
}

TEST_F(BatchQueueTest, ShadowTrafficNeverRunsWhileAnythingElseWaitsHoweverOldItIs) {
  const auto shadow = PushShadow(queue_, backend_, {2});
  now_ += 1h;
  const auto job = JobOf(backend_, 100, {2});
  job->priority = Priority::kLow;
  EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100)));  // nor does it fill what is left of the batch
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(shadow->results[0].outcome, Outcome::kRan);
}

TEST_F(BatchQueueTest, ShadowTrafficRunsInSmallBatches) {
  PushShadow(queue_, backend_, {2, 2, 2, 2});  // 10 tokens are the most of others, 6 of these
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(500, 501, 502)));
}

TEST_F(BatchQueueTest, TheOldestShadowTrafficSaysWhichProfileRuns) {
  auto other = JobOf(backend_, 600, {2});
  other->priority = Priority::kShadow;
  other->profile = 1;
  EXPECT_EQ(queue_.Push(other), PushResult::kTaken);
  now_ += 1ms;
  PushShadow(queue_, backend_, {2});
  EXPECT_EQ(queue_.TryTake({})->profile, 1u);
  EXPECT_EQ(queue_.TryTake({})->profile, 0u);
}

TEST_F(BatchQueueTest, CancelledAndExpiredShadowTrafficNeverRuns) {
  std::atomic<bool> gone{true};
  auto cancelled = JobOf(backend_, 600, {2}), expired = JobOf(backend_, 700, {2});
  cancelled->cancelled = &gone;
  expired->deadline = now_;
  for (const auto& job : {cancelled, expired}) {
    job->priority = Priority::kShadow;
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  }
  EXPECT_FALSE(RunOne());
  EXPECT_EQ(cancelled->results[0].outcome, Outcome::kCancelled);
  EXPECT_EQ(expired->results[0].outcome, Outcome::kExpired);
}

TEST_F(BatchQueueTest, ShadowTrafficIsReportedByItselfAndAsNoOnesWait) {
  PushShadow(queue_, backend_, {2, 2});
  now_ += 5ms;
  EXPECT_EQ(queue_.depth().oldest_age, 0ns);
  Push(100, {3});
  now_ += 1ms;
  const BatchQueue::Depth depth = queue_.depth();
  EXPECT_THAT(depth.items, ElementsAre(ElementsAre(0, 1, 0, 2), Each(0)));
  EXPECT_THAT(depth.tokens, ElementsAre(3, 0));
  EXPECT_EQ(depth.oldest_age, 1ms);
}

TEST_F(BatchQueueTest, WhatShadowTrafficTookIsNoOnesShare) {
  const auto push_other = [&] {
    auto job = JobOf(backend_, 200, {2});
    job->profile = 1;
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  };
  PushShadow(queue_, backend_, {2});
  EXPECT_TRUE(RunOne(10s));
  push_other();
  EXPECT_TRUE(RunOne(1ms));
  push_other();
  Push(100, {2});
  EXPECT_EQ(queue_.TryTake({})->profile, 0u);
}

TEST_F(BatchQueueTest, TimesOfABatchAreTold) {
  const auto job = Push(100, {2});
  const Clock::time_point pushed = now_;
  EXPECT_TRUE(RunOne(7ms));
  ASSERT_EQ(job->batches.size(), 1u);
  EXPECT_EQ(job->batches[0].taken, pushed);
  EXPECT_EQ(job->batches[0].ended, pushed + 7ms);
}

}  // namespace
}  // namespace roberta::batching
