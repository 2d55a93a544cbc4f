#include "server/batching/running_batches.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;

TEST(ChooseToHelp, TheOneWithTheMostTokensForEachWhoIsBusyWithIt) {
  EXPECT_EQ(ChooseToHelp({{.tokens = 5}, {.tokens = 20}, {.tokens = 9}}, 7), 1u);
  EXPECT_EQ(ChooseToHelp({{.tokens = 5}, {.tokens = 20, .helpers = 1}, {.tokens = 11}}, 7), 2u);
  EXPECT_EQ(ChooseToHelp({{.tokens = 10}, {.tokens = 20, .helpers = 1}}, 7), 0u);
}

TEST(ChooseToHelp, NoneThatHasEnoughHelpersOrIsNotThere) {
  EXPECT_EQ(ChooseToHelp({{.tokens = 0}, {.tokens = 20, .helpers = 2}}, 2), std::nullopt);
  EXPECT_EQ(ChooseToHelp({{.tokens = 3}, {.tokens = 20, .helpers = 2}}, 2), 0u);
  EXPECT_EQ(ChooseToHelp({}, 2), std::nullopt);
}

class HelpedBatchesTest : public testing::Test {
 protected:
  Clock::time_point At(Clock::duration time) { return Clock::time_point(1000s + time); }
  HelpedBatches batches_{2};
};

TEST_F(HelpedBatchesTest, TimeOfHelpersIsAddedUpWhetherTheyLeftOrStayed) {
  team::SharedWork* const work = batches_.Started(10);
  const auto first = batches_.Joined(At(1s)), second = batches_.Joined(At(2s));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(batches_.Joined(At(2s)).has_value(), false);  // two are enough
  batches_.Left(*first, At(5s));
  EXPECT_EQ(batches_.Ended(work, At(10s)), 4s + 8s);
  batches_.Left(*second, At(20s));
  EXPECT_EQ(batches_.helpers(), 0u);
}

TEST_F(HelpedBatchesTest, WhoLeavesLateIsNotCountedWithTheNextBatch) {
  team::SharedWork* work = batches_.Started(10);
  const auto late = batches_.Joined(At(1s));
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(batches_.Ended(work, At(2s)), 1s);
  work = batches_.Started(10);
  batches_.Left(*late, At(3s));
  EXPECT_EQ(batches_.Ended(work, At(9s)), 0s);
}

TEST_F(HelpedBatchesTest, HelpersAreLetGoWhenTheBatchHasRunOrTheyAreCalledBack) {
  team::SharedWork* const work = batches_.Started(10);
  const auto first = batches_.Joined(At(1s));
  ASSERT_TRUE(first.has_value());
  first->work->Help((batches_.CallBack(), first->call));  // returns
  batches_.Left(*first, At(2s));
  const auto second = batches_.Joined(At(3s));
  ASSERT_TRUE(second.has_value());
  batches_.Ended(work, At(4s));
  second->work->Help(second->call);  // returns
}

TEST_F(HelpedBatchesTest, WithoutHelpersNothingIsShared) {
  HelpedBatches none(0);
  EXPECT_EQ(none.Started(10), nullptr);
  EXPECT_FALSE(none.wanted());
  EXPECT_EQ(none.Ended(nullptr, At(1s)), 0s);
}

TEST_F(HelpedBatchesTest, NobodyHelpsWhereCallsAreSeldomAlone) {
  batches_.Started(10);
  EXPECT_TRUE(batches_.wanted());
  for (int i = 0; i < 20; ++i) batches_.Arrived(2);
  EXPECT_FALSE(batches_.wanted());
  EXPECT_FALSE(batches_.Joined(At(1s)).has_value());
  batches_.Arrived(0);
  EXPECT_FALSE(batches_.wanted());  // one that is alone does not decide
  for (int i = 0; i < 20; ++i) batches_.Arrived(0);
  EXPECT_TRUE(batches_.wanted());
}

TEST(HelpingExecutors, NobodyHelpsWithAProfileForWhichItDoesNotPay) {
  BatchQueue queue({.profiles = 2, .most_helpers = 1});
  queue.SetSplits(1, false);
  const auto backend = std::make_shared<PuppetBackend>(8, false, [](bool) {});
  for (const size_t profile : {size_t{0}, size_t{1}}) {
    const auto job = JobOf(backend, 1, {5});
    job->profile = profile;
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
    const std::optional<Batch> batch = queue.TryTake({});
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->work != nullptr, profile == 0);
    queue.Complete(*batch, RunBatch(*batch, queue.now()));
  }
}

std::future<void> DoneOf(const std::shared_ptr<Job>& job) {
  auto promise = std::make_shared<std::promise<void>>();
  job->done = [promise](Job&) { promise->set_value(); };
  return promise->get_future();
}

TEST(HelpingExecutors, AnIdleOneHelpsWithALoneBatchUntilSomethingWaits) {
  std::atomic<bool> other_ran{false};
  std::atomic<size_t> by_helper{0};
  const auto lone = std::make_shared<PuppetBackend>(64, true, [&](bool helps) {
    by_helper += helps;
    while (!helps && (by_helper == 0 || !other_ran)) std::this_thread::yield();
  });
  const auto other = std::make_shared<PuppetBackend>([&] { other_ran = true; });
  BatchQueue queue({.executors = 2, .most_helpers = 1});
  Executors executors(&queue, 2);
  const auto first = JobOf(lone, 1, {5}), second = JobOf(other, 2, {5});
  std::future<void> first_end = DoneOf(first), second_end = DoneOf(second);
  ASSERT_EQ(queue.Push(first), PushResult::kTaken);
  while (by_helper == 0) std::this_thread::yield();
  ASSERT_EQ(queue.Push(second), PushResult::kTaken);
  second_end.wait();  // the helper ran it, while the first batch waited for that
  first_end.wait();
  EXPECT_EQ(lone->pieces_done(), 64u);
}

TEST(HelpingExecutors, ClosingLetsHelpersGo) {
  const auto backend = std::make_shared<PuppetBackend>(8, false, [](bool) { std::this_thread::yield(); });
  std::atomic<int> done{0};
  BatchQueue queue({.executors = 4, .most_helpers = 3});
  {
    Executors executors(&queue, 4);
    const auto job = JobOf(backend, 1, {5});
    job->done = [&](Job&) { ++done; };
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
  }
  EXPECT_EQ(done.load(), 1);
}

/// Calls, bulk and shadow traffic of two profiles, with gaps in which executors help, from two threads.
void ExpectNothingLostWithHelpers(const DataLoading& loading) {
  constexpr int kJobs = 1500;
  const auto backend = std::make_shared<PuppetBackend>(12, false, [](bool) {});
  std::atomic<int> done{0}, wrong{0};
  BatchQueue queue({.profiles = 2,
                    .executors = 4,
                    .bulk_batch_tokens = 20,
                    .most_helpers = 3,
                    .policy = {.max_batch_tokens = 32, .long_item_tokens = 0},
                    .loading = {loading, loading}});
  const auto push = [&](uint32_t seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < kJobs; ++i) {
      const auto job = JobOf(backend, i, std::vector<size_t>(1 + random() % 3, 1 + random() % 9));
      job->profile = random() % 2;
      job->priority = static_cast<Priority>(random() % kPriorities);
      job->done = [&](Job& ended) {
        wrong += ended.outputs.front() != static_cast<float>(ended.token_ids.front());
        ++done;
      };
      const bool bulk = random() % 2 == 0;
      if (bulk && job->priority == Priority::kShadow) job->priority = Priority::kLow;
      wrong += (bulk ? queue.PushBulk(job) : queue.Push(job)) != PushResult::kTaken;
      if (random() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
    }
  };
  {
    Executors executors(&queue, 4);
    std::thread first(push, 1), second(push, 2);
    first.join();
    second.join();
  }
  EXPECT_EQ(done.load(), 2 * kJobs);
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(backend->pieces_done(), 12 * backend->runs().size());
}

TEST(HelpingExecutors, LoseNothingOfCallsBulkAndShadowTraffic) {
  ExpectNothingLostWithHelpers({});
}

TEST(HelpingExecutors, LoseNothingOfBatchesFormedEarly) {
  ExpectNothingLostWithHelpers({.prefetch = true});
}

TEST(HelpingExecutors, AStreamOfBulkIsHelpedWithWhenItIsAllThereIs) {
  std::atomic<size_t> in_pair{0};
  const auto backend = std::make_shared<PuppetBackend>(2, true, [&](bool) {
    const size_t mine = ++in_pair;
    while (in_pair < (mine + 1) / 2 * 2) std::this_thread::yield();  // each run needs two threads
  });
  BatchQueue queue({.most_helpers = 1, .policy = {.long_item_tokens = 0}});
  Executors executors(&queue, 2);
  for (int i = 0; i < 20; ++i) {
    const auto job = JobOf(backend, i, {5});
    std::future<void> end = DoneOf(job);
    ASSERT_EQ(queue.PushBulk(job), PushResult::kTaken);
    end.wait();
  }
  EXPECT_EQ(backend->pieces_done(), 40u);
}

}  // namespace
}  // namespace roberta::batching
