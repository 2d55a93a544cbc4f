#include "server/batching/executors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

namespace roberta::batching {
namespace {

TEST(WorkerPool, RunsEverythingThatWasPushedBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    WorkerPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.Push([&] { ++ran; });
  }
  EXPECT_EQ(ran.load(), 1000);
}

TEST(WorkerPool, RunsOldestFirst) {
  std::string order;
  {
    WorkerPool pool(1);
    for (char c : std::string("abc")) pool.Push([&order, c] { order += c; });
  }
  EXPECT_EQ(order, "abc");
}

TEST(WorkerPool, UrgentTasksOvertakeThoseThatWait) {
  std::string order;
  std::promise<void> hold;
  {
    WorkerPool pool(1);
    pool.Push([&] { hold.get_future().wait(); });
    pool.Push([&] { order += "later "; });
    pool.Push([&] { order += "urgent "; }, WorkerPool::Turn::kNext);
    hold.set_value();
  }
  EXPECT_EQ(order, "urgent later ");
}

TEST(WorkerPool, BulkWaitsUntilNothingElseDoes) {
  std::string order;
  std::promise<void> hold;
  {
    WorkerPool pool(1);
    pool.Push([&] { hold.get_future().wait(); });
    pool.Push([&] { order += "bulk "; }, WorkerPool::Turn::kBulk);
    pool.Push([&] { order += "more "; }, WorkerPool::Turn::kBulk);
    pool.Push([&] { order += "call "; });
    pool.Push([&] { order += "urgent "; }, WorkerPool::Turn::kNext);
    hold.set_value();
  }
  EXPECT_EQ(order, "urgent call bulk more ");
}

TEST(WorkerPool, BulkIsNotHeldUpForEver) {
  std::string order;
  std::promise<void> hold;
  {
    WorkerPool pool(1);
    pool.Push([&] { hold.get_future().wait(); });
    pool.Push([&] { order += 'b'; }, WorkerPool::Turn::kBulk);
    for (int i = 0; i < 20; ++i) pool.Push([&] { order += 'c'; });
    hold.set_value();
  }
  EXPECT_LT(order.find('b'), 10u) << order;
}

TEST(WorkerPool, TasksMayPushTasks) {
  std::promise<int> result;
  WorkerPool pool(1);
  pool.Push([&] { pool.Push([&] { result.set_value(7); }); });
  EXPECT_EQ(result.get_future().get(), 7);
}

TEST(WorkerPool, ReleasesWhatATaskHeldBeforeItWaitsAgain) {
  WorkerPool pool(1);
  auto held = std::make_shared<int>(1);
  std::promise<void> ran;
  pool.Push([held, &ran] { ran.set_value(); });
  std::promise<void> next;
  pool.Push([&] { next.set_value(); });
  next.get_future().wait();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace roberta::batching
