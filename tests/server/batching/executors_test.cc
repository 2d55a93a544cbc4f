#include "server/batching/executors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <future>
#include <random>
#include <thread>

#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::future<void> EndOf(const std::shared_ptr<Job>& job) {
  auto promise = std::make_shared<std::promise<void>>();
  job->done = [promise](Job&) { promise->set_value(); };
  return promise->get_future();
}

TEST(Executors, ACallOfSeveralTextsIsSplitOverTheIdle) {
  std::barrier both(2);  // opens only if two executors run at once
  const auto backend = std::make_shared<PuppetBackend>([&] { both.arrive_and_wait(); });
  BatchQueue queue({.executors = 2});
  Executors executors(&queue, 2);
  // Executors that have not come to wait yet are not idle; the first call is for those that have.
  while (queue.idle_executors() < 2) std::this_thread::yield();
  const auto job = JobOf(backend, 100, {5, 5, 5, 5});
  std::future<void> end = EndOf(job);
  ASSERT_EQ(queue.Push(job), PushResult::kTaken);
  end.wait();
  EXPECT_THAT(backend->runs(), UnorderedElementsAre(ElementsAre(100, 101), ElementsAre(102, 103)));
  EXPECT_THAT(job->outputs, ElementsAre(100, 101, 102, 103));
}

TEST(Executors, AnIdleOneTakesWorkAtOnceWhileAnotherIsBusy) {
  std::promise<void> entered, release;
  const auto stuck = std::make_shared<PuppetBackend>([&] {
    entered.set_value();
    release.get_future().wait();
  });
  const auto backend = std::make_shared<PuppetBackend>();
  BatchQueue queue({.executors = 2});
  Executors executors(&queue, 2);
  ASSERT_EQ(queue.Push(JobOf(stuck, 1, {5})), PushResult::kTaken);
  entered.get_future().wait();
  for (int i = 0; i < 100; ++i) {
    const auto job = JobOf(backend, i, {5});
    std::future<void> end = EndOf(job);
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
    end.wait();
  }
  release.set_value();
}

TEST(Executors, RunAllThatWasTakenInBeforeTheyEnd) {
  const auto backend = std::make_shared<PuppetBackend>();
  std::atomic<int> done{0};
  BatchQueue queue({.executors = 3, .policy = {.max_batch_tokens = 8}});
  {
    Executors executors(&queue, 3);
    for (int i = 0; i < 500; ++i) {
      const auto job = JobOf(backend, i, {3, 3});
      job->done = [&](Job&) { ++done; };
      ASSERT_EQ(queue.Push(job), PushResult::kTaken);
    }
  }
  EXPECT_EQ(done.load(), 500);
}

TEST(Executors, WhatOwnsAJobMayDieWithItsDone) {
  const auto backend = std::make_shared<PuppetBackend>();
  BatchQueue queue({});
  std::weak_ptr<Job> watched;
  {
    Executors executors(&queue, 1);
    auto job = JobOf(backend, 1, {3});
    watched = job;
    job->done = [job](Job&) {};
    ASSERT_EQ(queue.Push(job), PushResult::kTaken);
  }
  EXPECT_TRUE(watched.expired());
}

/// Pushes jobs at random from several threads, cancels some and lets some expire; counts what is wrong.
class Crowd {
 public:
  explicit Crowd(BatchQueue* queue) : queue_(queue) {}

  void PushMany(uint32_t seed, int count) {
    std::mt19937 random(seed);
    for (int i = 0; i < count; ++i) {
      std::vector<size_t> lengths(1 + random() % 8);
      for (size_t& length : lengths) length = 1 + random() % 12;
      const size_t profile = random() % 3;
      auto job = JobOf(backends_[profile], static_cast<int32_t>(10 * i), lengths);
      job->profile = profile;
      job->priority = static_cast<Priority>(random() % kPriorities);
      if (random() % 4 == 0) job->deadline = Clock::now() + std::chrono::microseconds(random() % 300);
      auto cancelled = std::make_shared<std::atomic<bool>>(false);
      job->cancelled = cancelled.get();
      job->done = [this, cancelled](Job& done) { Check(done); };
      const bool taken = queue_->Push(job) == PushResult::kTaken;
      taken_ += taken;
      refused_ += !taken;
      if (random() % 4 == 0) *cancelled = true;
      if (random() % 16 == 0) std::this_thread::yield();
    }
  }

  void Check(const Job& job) {
    for (size_t i = 0; i < job.results.size(); ++i) {
      const auto name = static_cast<float>(job.token_ids[0] + static_cast<int32_t>(i));
      wrong_ += job.results[i].outcome == Outcome::kNone;
      wrong_ += job.results[i].outcome == Outcome::kRan && job.outputs[i] != name;
    }
    ++done_;
  }

  std::vector<std::shared_ptr<PuppetBackend>> backends_ = {
      std::make_shared<PuppetBackend>(), std::make_shared<PuppetBackend>(), std::make_shared<PuppetBackend>()};
  std::atomic<int> taken_{0}, refused_{0}, done_{0}, wrong_{0};

 private:
  BatchQueue* const queue_;
};

void ExpectNothingLostAndNothingWrong(const DataLoading& loading) {
  BatchQueue queue({.profiles = 3,
                    .executors = 4,
                    .capacity_items = 200,
                    .capacity_tokens = 1000,
                    .policy = {.max_batch_tokens = 32},
                    .loading = {loading, loading}});
  Crowd crowd(&queue);
  {
    Executors executors(&queue, 4);
    std::vector<std::thread> threads;
    for (uint32_t seed = 0; seed < 4; ++seed) threads.emplace_back([&, seed] { crowd.PushMany(seed, 3000); });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(crowd.taken_ + crowd.refused_, 12000);
  EXPECT_EQ(crowd.done_.load(), crowd.taken_.load());
  EXPECT_EQ(crowd.wrong_.load(), 0);
  EXPECT_GT(crowd.done_.load(), 100);
}

TEST(Executors, AtRandomFromManyThreadsNothingIsLostAndNothingIsWrong) {
  ExpectNothingLostAndNothingWrong({});
}

TEST(Executors, BatchesFormedEarlyLoseNothing) {
  ExpectNothingLostAndNothingWrong({.prefetch = true});
}

TEST(Executors, BucketedBatchesLoseNothing) {
  ExpectNothingLostAndNothingWrong({.strategy = LoadingStrategy::kBucketed, .prefetch = true});
}

}  // namespace
}  // namespace roberta::batching
