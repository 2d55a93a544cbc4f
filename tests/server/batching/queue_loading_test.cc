// Padded, bucketed and prefetched batches of the queue, and what holds of all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>

#include "server/batching/batch_queue.h"
#include "tests/server/batching/hand_driven_queue.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class PaddedQueueTest : public BatchQueueTest {
 protected:
  PaddedQueueTest() : BatchQueueTest({.strategy = LoadingStrategy::kPadded}) {}
};

TEST_F(PaddedQueueTest, BatchesInOrderOfArrivalArePaddedToTheirLongest) {
  Push(100, {2, 1, 4, 1});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 101), ElementsAre(102, 103)));
  EXPECT_THAT(backend_->padded_lengths(), ElementsAre(2, 4));
}

class BucketedQueueTest : public BatchQueueTest {
 protected:
  BucketedQueueTest() : BatchQueueTest({.strategy = LoadingStrategy::kBucketed}) {}
};

TEST_F(BucketedQueueTest, AnyItemsOfACallMayShareABatchAndAreJoinedInOrder) {
  const auto job = Push(100, {2, 9, 2, 9, 2});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 102, 104), ElementsAre(101), ElementsAre(103)));
  EXPECT_THAT(backend_->padded_lengths(), ElementsAre(2, 9, 9));
  EXPECT_THAT(job->outputs, ElementsAre(100, 101, 102, 103, 104));
  EXPECT_EQ(job->batches.size(), 3u);
  EXPECT_EQ(done_[job.get()], 1);
}

TEST_F(BucketedQueueTest, CallsShareABatchAndGetTheirOwn) {
  const auto first = Push(100, {4, 1});
  const auto second = Push(200, {1, 4});
  while (RunOne()) {
  }
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100, 201), ElementsAre(101, 200)));
  EXPECT_THAT(first->outputs, ElementsAre(100, 101));
  EXPECT_THAT(second->outputs, ElementsAre(200, 201));
}

TEST_F(BucketedQueueTest, AnUncommonLengthIsNotOvertakenForEver) {
  Push(100, {2, 2, 2});
  Push(200, {9});
  for (int i = 0; i < 3; ++i) {
    Push(300 + i, {2, 2});
    EXPECT_TRUE(RunOne());
  }
  EXPECT_THAT(backend_->runs()[1], ElementsAre(200));
}

class PrefetchingQueueTest : public BatchQueueTest {
 protected:
  PrefetchingQueueTest() : BatchQueueTest({.prefetch = true}) {}
};

TEST_F(PrefetchingQueueTest, TheNextBatchIsFormedWhileOneRuns) {
  Push(100, {6});
  Push(200, {6});
  const auto running = queue_.TryTake({});
  EXPECT_TRUE(queue_.Prefetch());
  EXPECT_EQ(queue_.depth().tokens[0], 0u);
  queue_.Complete(*running, RunBatch(*running, queue_.now()));
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(100), ElementsAre(200)));
}

TEST_F(PrefetchingQueueTest, WhatWasFormedEarlyIsNotOvertaken) {
  Push(100, {6});
  Push(200, {6});
  const auto running = queue_.TryTake({});
  EXPECT_TRUE(queue_.Prefetch());
  auto urgent = JobOf(backend_, 300, {6});
  urgent->priority = Priority::kHigh;
  EXPECT_EQ(queue_.Push(urgent), PushResult::kTaken);
  EXPECT_EQ(queue_.TryTake({})->parts[0].job->token_ids[0], 200);
}

TEST_F(PrefetchingQueueTest, WhatExpiresOrIsCancelledBeforeItsBatchRunsIsDropped) {
  std::atomic<bool> cancelled{false};
  Push(100, {9});
  const auto kept = Push(200, {2}), expired = Push(300, {3}, now_ + 5ms), gone = Push(400, {4});
  gone->cancelled = &cancelled;
  const auto running = queue_.TryTake({});
  EXPECT_TRUE(queue_.Prefetch());
  now_ += 5ms;
  cancelled = true;
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(200)));
  EXPECT_EQ(kept->results[0].outcome, Outcome::kRan);
  EXPECT_EQ(expired->results[0].outcome, Outcome::kExpired);
  EXPECT_EQ(gone->results[0].outcome, Outcome::kCancelled);
  EXPECT_EQ(done_.size(), 3u);
}

TEST_F(PrefetchingQueueTest, WhereNothingOfAnEarlyBatchIsWantedTheNextIsFormed) {
  Push(100, {6});
  Push(200, {6}, now_ + 5ms);
  Push(300, {6});
  const auto running = queue_.TryTake({});
  EXPECT_TRUE(queue_.Prefetch());
  now_ += 5ms;
  EXPECT_TRUE(RunOne());
  EXPECT_THAT(backend_->runs(), ElementsAre(ElementsAre(300)));
}

TEST_F(PrefetchingQueueTest, WaitingTimeOfAnEarlyBatchIsTimeInTheQueue) {
  Push(100, {6});
  const auto job = Push(200, {6});
  const auto running = queue_.TryTake({});
  EXPECT_TRUE(queue_.Prefetch());
  now_ += 5ms;
  const Clock::time_point start = now_;
  EXPECT_TRUE(RunOne());
  EXPECT_EQ(job->batches[0].taken, start);
}

/// Every strategy, and batches formed early.
class AnyQueueTest : public BatchQueueTest, public testing::WithParamInterface<DataLoading> {
 protected:
  AnyQueueTest() : BatchQueueTest(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Loading, AnyQueueTest,
                         testing::Values(DataLoading{}, DataLoading{.prefetch = true},
                                         DataLoading{.strategy = LoadingStrategy::kPadded},
                                         DataLoading{.strategy = LoadingStrategy::kBucketed},
                                         DataLoading{.strategy = LoadingStrategy::kBucketed, .prefetch = true}),
                         [](const auto& one) {
                           return kLoadingStrategyNames[static_cast<size_t>(one.param.strategy)] +
                                  std::string(one.param.prefetch ? "_early" : "");
                         });

TEST_P(AnyQueueTest, WhateverHappensEveryItemHasExactlyOneOutcome) {
  std::mt19937 random(1);
  std::vector<std::shared_ptr<Job>> jobs;
  std::deque<std::atomic<bool>> cancels;
  std::vector<Batch> running;
  for (int step = 0; step < 20000; ++step) {
    now_ += std::chrono::microseconds(random() % 500);
    const auto action = random() % 8;
    if (action < 3) {
      std::vector<size_t> lengths(1 + random() % 6);
      for (size_t& length : lengths) length = 1 + random() % 12;
      auto job = JobOf(backend_, static_cast<int32_t>(10 * step), lengths);
      job->profile = random() % 2;
      job->priority = static_cast<Priority>(random() % kPriorities);
      if (random() % 2 == 0) job->deadline = now_ + std::chrono::microseconds(random() % 3000);
      job->cancelled = &cancels.emplace_back(false);
      job->done = [this](Job& done) { ++done_[&done]; };
      if (queue_.Push(job) == PushResult::kTaken) jobs.push_back(std::move(job));
    } else if (action == 3 && !cancels.empty()) {
      cancels[cancels.size() - 1 - random() % std::min<size_t>(cancels.size(), 5)] = true;
    } else if (action < 6) {
      queue_.TryPrefetch();
      if (auto batch = queue_.TryTake(random() % 2)) running.push_back(*std::move(batch));
    } else if (!running.empty()) {
      const Batch batch = running[random() % running.size()];
      std::erase_if(running, [&](const Batch& other) {
        return other.parts[0].job == batch.parts[0].job && other.parts[0].first_item == batch.parts[0].first_item;
      });
      ASSERT_TRUE(std::max(batch.tokens, batch.items * batch.padded_length) <= 10 || batch.items == 1);
      queue_.Complete(batch, RunBatch(batch, queue_.now()));
    }
  }
  for (const Batch& batch : running) queue_.Complete(batch, RunBatch(batch, queue_.now()));
  while (RunOne()) {
  }
  ASSERT_GT(jobs.size(), 1000u);
  std::map<Outcome, int> outcomes;
  for (const auto& job : jobs) {
    ASSERT_EQ(done_[job.get()], 1);
    for (size_t i = 0; i < job->results.size(); ++i) {
      ++outcomes[job->results[i].outcome];
      if (job->results[i].outcome != Outcome::kRan) continue;
      ASSERT_EQ(job->outputs[i], static_cast<float>(job->token_ids[0] + static_cast<int32_t>(i)));
    }
  }
  EXPECT_EQ(outcomes.count(Outcome::kNone), 0u);
  for (const Outcome outcome : {Outcome::kRan, Outcome::kExpired, Outcome::kCancelled}) {
    EXPECT_GT(outcomes[outcome], 100);
  }
  size_t ran = 0;
  for (const auto& run : backend_->runs()) ran += run.size();
  EXPECT_EQ(ran, static_cast<size_t>(outcomes[Outcome::kRan])) << "an item ran twice, or one ran that was dropped";
}

}  // namespace
}  // namespace roberta::batching
