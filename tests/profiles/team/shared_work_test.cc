#include "profiles/team/team.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace roberta::team {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Pair;

/// Threads that help until the end of the test.
class Helpers {
 public:
  Helpers(SharedWork* work, size_t count) : work_(work) {
    const SharedWork::Call call = work->call();
    for (size_t i = 0; i < count; ++i) threads_.emplace_back([work, call] { work->Help(call); });
    while (work->helpers() < count) std::this_thread::yield();
  }
  ~Helpers() {
    work_->Dismiss();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  SharedWork* const work_;
  std::vector<std::thread> threads_;
};

TEST(SharedWork, WithoutHelpersIsOneCall) {
  SharedWork work;
  std::vector<std::pair<size_t, size_t>> calls;
  work.Share(7, [&](size_t begin, size_t end) { calls.emplace_back(begin, end); });
  EXPECT_THAT(calls, ElementsAre(Pair(0, 7)));
}

TEST(SharedWork, OfNoPiecesIsNoCall) {
  SharedWork work;
  const Helpers helpers(&work, 1);
  work.Share(0, [](size_t, size_t) { ADD_FAILURE(); });
}

TEST(SharedWork, EachPieceIsComputedOnceAndSeenByTheRunner) {
  SharedWork work;
  const Helpers helpers(&work, 3);
  for (size_t pieces : {1u, 2u, 3u, 17u, 500u, 65535u}) {
    std::vector<int> computed(pieces, 0);  // no atomics: the end of Share is what makes them visible
    for (int step = 0; step < 20; ++step) {
      work.Share(pieces, [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) ++computed[i];
      });
    }
    EXPECT_THAT(computed, Each(20)) << pieces;
  }
}

TEST(SharedWork, HelpersDoPartOfIt) {
  SharedWork work;
  const Helpers helpers(&work, 1);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  const auto saw = [&] {
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    return threads.size();
  };
  // The first piece that the runner has lasts until somebody else has one.
  work.Share(8, [&](size_t, size_t) {
    saw();
    while (saw() < 2) std::this_thread::yield();
  });
  EXPECT_EQ(threads.size(), 2u);
}

TEST(SharedWork, AHelperThatSleepsIsWokenByTheNextStep) {
  SharedWork work;
  const Helpers helpers(&work, 1);
  for (int step = 0; step < 5; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // long enough for it to fall asleep
    std::atomic<size_t> entered{0};
    work.Share(2, [&](size_t, size_t) {
      ++entered;
      while (entered < 2) std::this_thread::yield();
    });
    EXPECT_EQ(entered.load(), 2u);
  }
}

TEST(SharedWork, ARunnerThatSleepsIsWokenByTheLastPiece) {
  SharedWork work;
  const Helpers helpers(&work, 1);
  const std::thread::id runner = std::this_thread::get_id();
  std::atomic<size_t> done{0}, entered{0};
  work.Share(2, [&](size_t, size_t) {
    ++entered;
    while (entered < 2) std::this_thread::yield();
    if (std::this_thread::get_id() != runner) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ++done;
  });
  EXPECT_EQ(done.load(), 2u);
}

TEST(SharedWork, ACallThatHoldsNoLongerIsNotAnswered) {
  SharedWork work;
  const SharedWork::Call call = work.call();
  work.Dismiss();
  work.Help(call);  // returns
  EXPECT_NE(work.call(), call);
  EXPECT_EQ(work.helpers(), 0u);
}

TEST(SharedWork, HelpersLeaveInTheMiddleOfAStepAndTheRunnerDoesTheRest) {
  SharedWork work;
  std::vector<int> computed(100, 0);
  std::atomic<bool> helped{false};
  std::thread helper([&work, call = work.call()] { work.Help(call); });
  while (work.helpers() == 0) std::this_thread::yield();
  const std::thread::id runner = std::this_thread::get_id();
  work.Share(computed.size(), [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) ++computed[i];
    if (std::this_thread::get_id() != runner) {
      work.Dismiss();  // as a queue does that something was pushed to
      helped = true;
    }
    while (!helped) std::this_thread::yield();
  });
  helper.join();
  EXPECT_THAT(computed, Each(1));
}

TEST(SharedWork, HelpersComeAndGoWhileStepsRun) {
  SharedWork work;
  std::atomic<bool> over{false}, all_left{false};
  std::vector<std::thread> helpers;
  for (int i = 0; i < 3; ++i) {
    helpers.emplace_back([&] {
      while (!over) work.Help(work.call());
    });
  }
  std::thread dismisser([&] {
    while (!all_left) {
      work.Dismiss();
      std::this_thread::yield();
    }
  });
  size_t wrong = 0;
  for (int step = 0; step < 3000; ++step) {
    std::vector<int> computed(1 + static_cast<size_t>(step) % 40, 0);
    work.Share(computed.size(), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++computed[i];
    });
    for (const int times : computed) wrong += times != 1;
  }
  over = true;
  for (std::thread& helper : helpers) helper.join();
  all_left = true;
  dismisser.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace roberta::team
