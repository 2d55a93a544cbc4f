#include "server/batching/running_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <random>
#include <thread>

#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Clock::time_point kOvertakingNow{1000s};
constexpr size_t kLong = 20;
const TokenBudget kBudget = {100, 100};
const PolicyOptions kOvertakingOptions = {.max_batch_tokens = 100, .ageing_step = 1s, .long_item_tokens = kLong};

class LongItemsTest : public testing::Test {
 protected:
  WaitingJob& Wait(std::vector<size_t> lengths, Clock::duration age) {
    lengths_.push_back(std::move(lengths));
    waiting_.push_back({.enqueued = kOvertakingNow - age, .lengths = lengths_.back()});
    return waiting_.back();
  }
  std::vector<Pick> Batch(const DataLoading& loading = {}) const {
    return PlanBatch(waiting_, kBudget, loading.strategy, {.now = kOvertakingNow}, kOvertakingOptions).picks;
  }
  BatchPlan Overtaking(const OvertakenBatch& running, const DataLoading& loading = {}) const {
    return PlanOvertaking(waiting_, running, kBudget, loading.strategy, {.now = kOvertakingNow}, kOvertakingOptions);
  }

  std::deque<std::vector<size_t>> lengths_;
  std::vector<WaitingJob> waiting_;
};

TEST_F(LongItemsTest, ShortItemsPassLongOnesOverWhenTheOldestIsShort) {
  Wait({5}, 4ms);
  Wait({50}, 3ms);
  Wait({6}, 2ms);
  EXPECT_THAT(Batch(), ElementsAre(Pick{0, 1}, Pick{2, 1}));
}

TEST_F(LongItemsTest, ALongItemGoesFirstWhenItIsTheOldestAndWithLongOnesOnly) {
  Wait({50}, 4ms);
  Wait({20}, 3ms);
  Wait({19}, 2ms);
  Wait({20}, 1ms);
  EXPECT_THAT(Batch(), ElementsAre(Pick{0, 1}, Pick{1, 1}));
}

TEST_F(LongItemsTest, ACallOfBothIsTakenInItsOrder) {
  Wait({5, 50, 5}, 4ms);
  Wait({6}, 3ms);
  EXPECT_THAT(Batch(), ElementsAre(Pick{0, 1}, Pick{1, 1}));
}

TEST_F(LongItemsTest, BucketedBatchesAreOfOneKindToo) {
  Wait({19}, 4ms);
  Wait({20}, 3ms);
  Wait({17}, 2ms);
  EXPECT_THAT(Batch({.strategy = LoadingStrategy::kBucketed}), ElementsAre(Pick{2, 1}, Pick{0, 1}));
}

TEST_F(LongItemsTest, WhatIsShortOvertakesTheOldestFirst) {
  Wait({50}, 9ms);
  Wait({5}, 2ms);
  Wait({6}, 3ms);
  const BatchPlan plan = Overtaking({.priority = Priority::kNormal, .tokens_left = 50});
  EXPECT_THAT(plan.picks, ElementsAre(Pick{2, 1}, Pick{1, 1}));
  EXPECT_EQ(plan.tokens, 11u);
}

TEST_F(LongItemsTest, NoMoreOvertakesThanTheBatchHasTokensLeftFor) {
  for (int i = 0; i < 3; ++i) Wait({6}, 3ms);
  EXPECT_THAT(Overtaking({.tokens_left = 13}).picks, ElementsAre(Pick{0, 1}, Pick{1, 1}));
  EXPECT_THAT(Overtaking({.tokens_left = 1}).picks, ElementsAre(Pick{0, 1}));
  EXPECT_THAT(Overtaking({.tokens_left = 0}).picks, IsEmpty());
}

TEST_F(LongItemsTest, WhatIsLessUrgentOrBulkDoesNotOvertake) {
  Wait({5}, 3ms).priority = Priority::kLow;
  Wait({5}, 2ms).bulk = true;
  EXPECT_THAT(Overtaking({.priority = Priority::kNormal, .tokens_left = 50}).picks, IsEmpty());
  EXPECT_THAT(Overtaking({.priority = Priority::kLow, .tokens_left = 50}).picks, ElementsAre(Pick{0, 1}));
  EXPECT_THAT(Overtaking({.priority = Priority::kShadow, .tokens_left = 50}).picks, ElementsAre(Pick{0, 1}));
}

TEST_F(LongItemsTest, WhatHasWaitedLongIsUrgent) {
  Wait({5}, 1s).priority = Priority::kLow;
  EXPECT_THAT(Overtaking({.priority = Priority::kNormal, .tokens_left = 50}).picks, ElementsAre(Pick{0, 1}));
}

TEST_F(LongItemsTest, WhatOvertakesHasOneBackend) {
  const PuppetBackend backend;
  Wait({5}, 3ms);
  Wait({5}, 2ms).backend = &backend;
  EXPECT_THAT(Overtaking({.tokens_left = 50}).picks, ElementsAre(Pick{0, 1}));
}

TEST(MayBeOvertaken, LongItemsBulkAndShadowTraffic) {
  Job job;
  EXPECT_FALSE(MayBeOvertaken(job, kLong - 1, kOvertakingOptions));
  EXPECT_TRUE(MayBeOvertaken(job, kLong, kOvertakingOptions));
  EXPECT_FALSE(MayBeOvertaken(job, kLong, {.long_item_tokens = 0}));
  job.bulk = true;
  EXPECT_TRUE(MayBeOvertaken(job, 1, kOvertakingOptions));
  job.bulk = false;
  job.priority = Priority::kShadow;
  EXPECT_TRUE(MayBeOvertaken(job, 1, kOvertakingOptions));
}

/// A queue whose executors the test plays by hand.
class OvertakingQueueTest : public testing::Test {
 protected:
  std::shared_ptr<Job> Push(int32_t name, size_t length, Priority priority = Priority::kNormal) {
    auto job = JobOf(backend_, name, {length});
    job->priority = priority;
    job->done = [this](Job& ended) { done_.push_back(ended.token_ids.front()); };
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
    return job;
  }
  Batch Take() {
    std::optional<Batch> batch = queue_.TryTake(std::nullopt);
    EXPECT_TRUE(batch.has_value());
    return *std::move(batch);
  }
  void Complete(const Batch& batch) { queue_.Complete(batch, RunBatch(batch, queue_.now())); }

  std::vector<int32_t> done_;
  std::shared_ptr<PuppetBackend> backend_ = std::make_shared<PuppetBackend>();
  BatchQueue queue_{{.policy = kOvertakingOptions}};
};

TEST_F(OvertakingQueueTest, ABatchIsAskedWhenSomethingWaitsAndNotBefore) {
  Push(1, 50);
  const Batch running = Take();
  ASSERT_NE(running.overtaken, nullptr);
  EXPECT_FALSE(running.overtaken->wanted());
  Push(2, 5);
  EXPECT_TRUE(running.overtaken->wanted());
  const std::optional<Batch> other = queue_.TakeOvertaking(running.overtaken);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->overtaken, nullptr);
  Complete(*other);
  EXPECT_THAT(done_, ElementsAre(2));
  EXPECT_FALSE(queue_.TakeOvertaking(running.overtaken).has_value());
  EXPECT_FALSE(running.overtaken->wanted());
  Complete(running);
  EXPECT_THAT(done_, ElementsAre(2, 1));
}

TEST_F(OvertakingQueueTest, ItIsOvertakenByAsManyTokensAsItHas) {
  Push(1, 20);
  const Batch running = Take();
  for (int i = 0; i < 5; ++i) {
    Push(10 + i, 8);
    const std::optional<Batch> other = queue_.TakeOvertaking(running.overtaken);
    EXPECT_EQ(other.has_value(), i < 3) << i;  // 8, 16, and one that goes beyond 20
    if (other) Complete(*other);
  }
  Push(20, 8);
  EXPECT_FALSE(running.overtaken->wanted());
  Complete(running);
  const Batch rest = Take();
  EXPECT_EQ(rest.items, 3u);
  Complete(rest);
}

TEST_F(OvertakingQueueTest, WhatIsShortCannotBeOvertaken) {
  Push(1, 5);
  const Batch running = Take();
  EXPECT_EQ(running.overtaken, nullptr);
  Complete(running);
}

TEST_F(OvertakingQueueTest, WhatIsCancelledDoesNotRun) {
  Push(1, 50);
  const Batch running = Take();
  const std::atomic<bool> cancelled{true};
  auto job = JobOf(backend_, 2, {5});
  job->cancelled = &cancelled;
  job->done = [this](Job& ended) { done_.push_back(ended.token_ids.front()); };
  ASSERT_EQ(queue_.Push(job), PushResult::kTaken);
  EXPECT_FALSE(queue_.TakeOvertaking(running.overtaken).has_value());
  EXPECT_EQ(job->results.front().outcome, Outcome::kCancelled);
  Complete(running);
}

TEST_F(OvertakingQueueTest, AProfileWithNothingShortDoesNotKeepOthersBack) {
  BatchQueue queue({.profiles = 3, .policy = kOvertakingOptions});
  const auto push = [&](int32_t name, size_t profile, size_t length) {
    auto job = JobOf(backend_, name, {length});
    job->profile = profile;
    job->done = [](Job&) {};
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
  };
  push(1, 0, 50);
  std::optional<Batch> running = queue.TryTake(std::nullopt);
  ASSERT_TRUE(running.has_value());
  push(2, 1, 50);
  push(3, 2, 5);
  std::optional<Batch> other = queue.TakeOvertaking(running->overtaken);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->profile, 2u);
  queue.Complete(*other, RunBatch(*other, queue.now()));
  queue.Complete(*running, RunBatch(*running, queue.now()));
  running = queue.TryTake(std::nullopt);
  ASSERT_TRUE(running.has_value());
  queue.Complete(*running, RunBatch(*running, queue.now()));
}

TEST(OvertakingExecutors, AShortCallEndsWhileALongOneRunsOnTheOnlyExecutor) {
  std::promise<void> entered;
  std::atomic<bool> may_end{false};
  const auto steps = std::make_shared<SteppingBackend>([&](size_t step) {
    if (step == 0) entered.set_value();
    return may_end.load();
  });
  const auto backend = std::make_shared<PuppetBackend>();
  BatchQueue queue({.policy = kOvertakingOptions});
  Executors executors(&queue, 1);
  const auto long_call = JobOf(steps, 1, {50});
  std::promise<void> long_end;
  long_call->done = [&](Job&) { long_end.set_value(); };
  ASSERT_EQ(queue.Push(long_call), PushResult::kTaken);
  entered.get_future().wait();
  for (int i = 0; i < 3; ++i) {
    const auto job = JobOf(backend, i, {5});
    std::promise<void> end;
    job->done = [&](Job&) { end.set_value(); };
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
    end.get_future().wait();
    EXPECT_THAT(job->outputs, ElementsAre(static_cast<float>(i)));
  }
  may_end = true;
  long_end.get_future().wait();
  EXPECT_THAT(long_call->outputs, ElementsAre(1));
}

TEST(OvertakingExecutors, ALongBatchIsNotChargedForWhatOvertookIt) {
  std::atomic<bool> short_ran{false};
  std::promise<void> entered;
  const auto steps = std::make_shared<SteppingBackend>([&](size_t step) {
    if (step == 0) entered.set_value();
    return short_ran.load();
  });
  const auto slow = std::make_shared<PuppetBackend>([&] {
    std::this_thread::sleep_for(30ms);
    short_ran = true;
  });
  struct Recorder final : QueueObserver {
    void Queued(const Job&) override {}
    void Left(const BatchPart&) override {}
    void Started(const Batch&) override {}
    void Ended(const Batch& batch, const BatchRun& run) override {
      if (batch.overtaken != nullptr) overtaken = run.overtaken, all = run.ended - run.started;
    }
    Clock::duration overtaken{0}, all{0};
  } recorder;
  {
    BatchQueue queue({.policy = kOvertakingOptions, .observer = &recorder});
    Executors executors(&queue, 1);
    const auto first = JobOf(steps, 1, {50}), second = JobOf(slow, 2, {5});
    first->done = [](Job&) {};
    second->done = [](Job&) {};
    ASSERT_EQ(queue.Push(first), PushResult::kTaken);
    entered.get_future().wait();
    ASSERT_EQ(queue.Push(second), PushResult::kTaken);
  }
  EXPECT_GE(recorder.overtaken, 30ms);
  EXPECT_GE(recorder.all, recorder.overtaken);
}

TEST(OvertakingExecutors, LoseNothingOfLongAndShortCallsBulkAndShadowTraffic) {
  constexpr int kJobs = 1500;
  const auto backend = std::make_shared<PuppetBackend>(12, false, [](bool) {});
  std::atomic<int> done{0}, wrong{0};
  for (const size_t most_helpers : {0u, 2u}) {
    done = 0;
    BatchQueue queue({.profiles = 2,
                      .executors = 3,
                      .bulk_batch_tokens = 40,
                      .most_helpers = most_helpers,
                      .policy = {.max_batch_tokens = 64, .long_item_tokens = kLong}});
    const auto push = [&](uint32_t seed) {
      std::mt19937 random(seed);
      for (int i = 0; i < kJobs; ++i) {
        std::vector<size_t> lengths(1 + random() % 3);
        for (size_t& length : lengths) length = random() % 4 == 0 ? 40 : 1 + random() % 9;
        const auto job = JobOf(backend, i, lengths);
        job->profile = random() % 2;
        const bool bulk = random() % 3 == 0;
        job->priority = static_cast<Priority>(random() % (bulk ? kPriorities - 1 : kPriorities));
        job->done = [&](Job& ended) {
          wrong += ended.outputs.front() != static_cast<float>(ended.token_ids.front());
          ++done;
        };
        wrong += (bulk ? queue.PushBulk(job) : queue.Push(job)) != PushResult::kTaken;
        if (random() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
      }
    };
    {
      Executors executors(&queue, 3);
      std::thread first(push, 1), second(push, 2);
      first.join();
      second.join();
    }
    EXPECT_EQ(done.load(), 2 * kJobs);
    EXPECT_EQ(wrong.load(), 0);
  }
}

}  // namespace
}  // namespace roberta::batching
