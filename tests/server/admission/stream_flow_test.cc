#include "server/admission/stream_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <numeric>
#include <string>
#include <thread>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A message is its name, an answer a number.
using Flow = StreamFlow<std::string, int>;

class StreamFlowTest : public testing::Test {
 protected:
  Flow::Steps Read(const std::string& name, size_t items) {
    return flow_.MessageRead(std::make_shared<std::string>(name), items);
  }
  /// Reads the first message and gets the permit.
  Flow::Steps ReadFirst(size_t items) {
    flow_.Open();
    EXPECT_TRUE(Read("first", items).admit);
    return flow_.Admitted(permits_.TryAdmit().permit);
  }

  Permits permits_{8};
  Flow flow_{{.items_in_flight = 10, .bytes_per_write = 100}};
};

TEST_F(StreamFlowTest, ReadsWhenItOpens) {
  const auto steps = flow_.Open();
  EXPECT_TRUE(steps.read);
  EXPECT_FALSE(steps.admit || steps.finish);
}

TEST_F(StreamFlowTest, WorksOnlyWithAPermit) {
  flow_.Open();
  const auto before = Read("first", 3);
  EXPECT_TRUE(before.admit);
  EXPECT_FALSE(before.work || before.read);
  const auto after = flow_.Admitted(permits_.TryAdmit().permit);
  ASSERT_TRUE(after.work);
  EXPECT_EQ(*after.work->message, "first");
  EXPECT_EQ(after.work->items, 3u);
  EXPECT_TRUE(after.read);
}

TEST_F(StreamFlowTest, NumbersItemsInTheOrderInWhichTheyCome) {
  EXPECT_EQ(ReadFirst(3).work->first_sequence, 0u);
  EXPECT_EQ(Read("second", 2).work->first_sequence, 3u);
  EXPECT_EQ(flow_.items_begun(), 5u);
}

TEST_F(StreamFlowTest, AMessageWithoutItemsNeedsNoPermit) {
  flow_.Open();
  const auto steps = Read("settings", 0);
  EXPECT_TRUE(steps.read);
  EXPECT_FALSE(steps.admit || steps.work);
}

TEST_F(StreamFlowTest, StopsReadingWhileTheBoundIsReached) {
  EXPECT_FALSE(ReadFirst(10).read);
  flow_.Answered(1, 4, 1);
  EXPECT_TRUE(flow_.Written().read);
}

TEST_F(StreamFlowTest, AnAnswerThatIsNotWrittenStillCounts) {
  ReadFirst(10);
  const auto steps = flow_.Answered(1, 10, 1);
  EXPECT_THAT(steps.write, ElementsAre(1));
  EXPECT_FALSE(steps.read);
  EXPECT_EQ(flow_.in_flight(), 10u);
}

TEST_F(StreamFlowTest, HoldsTheRestOfAMessageThatIsLargerThanTheRoom) {
  EXPECT_TRUE(ReadFirst(7).read);
  const auto part = Read("second", 5);
  EXPECT_EQ(part.work->items, 3u);
  EXPECT_FALSE(part.read);
  EXPECT_EQ(flow_.in_flight(), 10u);
  flow_.Answered(1, 7, 1);
  const auto rest = flow_.Written();
  ASSERT_TRUE(rest.work);
  EXPECT_EQ(*rest.work->message, "second");
  EXPECT_EQ(rest.work->first_item, 3u);
  EXPECT_EQ(rest.work->items, 2u);
  EXPECT_EQ(rest.work->first_sequence, 10u);
  EXPECT_TRUE(rest.read);
}

TEST_F(StreamFlowTest, AMessageLargerThanTheBoundIsWorkedOnPieceByPiece) {
  EXPECT_EQ(ReadFirst(25).work->items, 10u);
  flow_.Answered(1, 10, 1);
  EXPECT_EQ(flow_.Written().work->items, 10u);
  flow_.Answered(2, 10, 1);
  const auto last = flow_.Written();
  EXPECT_EQ(last.work->items, 5u);
  EXPECT_TRUE(last.read);
}

TEST_F(StreamFlowTest, DoesNotBeginPiecesThatAreTooSmallToPay) {
  Flow flow({.items_in_flight = 160});
  flow.Open();
  flow.MessageRead(std::make_shared<std::string>("large"), 500);
  EXPECT_EQ(flow.Admitted(permits_.TryAdmit().permit).work->items, 160u);
  flow.Answered(1, 9, 1);
  EXPECT_FALSE(flow.Written().work);
  flow.Answered(2, 1, 1);
  EXPECT_EQ(flow.Written().work->items, 10u);
}

TEST_F(StreamFlowTest, AnswersThatComeDuringAWriteGoOutTogether) {
  ReadFirst(10);
  EXPECT_THAT(flow_.Answered(1, 1, 1).write, ElementsAre(1));
  EXPECT_THAT(flow_.Answered(2, 1, 1).write, IsEmpty());
  EXPECT_THAT(flow_.Answered(3, 1, 1).write, IsEmpty());
  EXPECT_THAT(flow_.Written().write, ElementsAre(2, 3));
}

TEST_F(StreamFlowTest, AMessageOfAnswersDoesNotOutgrowItsLimit) {
  ReadFirst(10);
  flow_.Answered(1, 1, 1);
  for (int i = 2; i <= 4; ++i) flow_.Answered(i, 1, 50);
  flow_.Answered(5, 1, 1000);
  EXPECT_THAT(flow_.Written().write, ElementsAre(2, 3));
  EXPECT_THAT(flow_.Written().write, ElementsAre(4));
  EXPECT_THAT(flow_.Written().write, ElementsAre(5));
}

TEST_F(StreamFlowTest, FinishesWhenReadsHaveEndedAndEverythingIsWritten) {
  ReadFirst(2);
  EXPECT_FALSE(flow_.ReadsEnded().finish);
  EXPECT_FALSE(flow_.Answered(1, 2, 1).finish);
  const auto last = flow_.Written();
  EXPECT_TRUE(last.finish);
  EXPECT_FALSE(last.read);
}

TEST_F(StreamFlowTest, FinishesAtOnceIfNothingWasSent) {
  flow_.Open();
  EXPECT_TRUE(flow_.ReadsEnded().finish);
}

TEST_F(StreamFlowTest, FinishesOnce) {
  flow_.Open();
  EXPECT_TRUE(flow_.ReadsEnded().finish);
  EXPECT_FALSE(flow_.Stop().finish);
  EXPECT_FALSE(flow_.Abort().finish);
}

TEST_F(StreamFlowTest, ReturnsItsPermitWhenItHasNothingInItsHands) {
  ReadFirst(2);
  flow_.Answered(1, 2, 1);
  EXPECT_EQ(permits_.in_flight(), 1u);
  EXPECT_TRUE(flow_.Written().returned);
  EXPECT_EQ(permits_.in_flight(), 0u);
  EXPECT_TRUE(Read("second", 1).admit);
}

TEST_F(StreamFlowTest, AStopFinishesWhatWasReadAndLeavesWhatComesLater) {
  ReadFirst(15);
  EXPECT_FALSE(flow_.Stop().finish);
  flow_.Answered(1, 10, 1);
  EXPECT_EQ(flow_.Written().work->items, 5u);
  const auto late = Read("late", 3);
  EXPECT_FALSE(late.work || late.read);
  flow_.Answered(2, 5, 1);
  EXPECT_TRUE(flow_.Written().finish);
  EXPECT_EQ(flow_.items_begun(), 15u);
}

TEST_F(StreamFlowTest, ARefusalGivesUpWhatIsHeldAndEndsTheStream) {
  flow_.Open();
  Read("first", 3);
  EXPECT_TRUE(flow_.Refused().finish);
  EXPECT_EQ(flow_.items_begun(), 0u);
}

TEST_F(StreamFlowTest, AnAbortDoesNotWaitForWork) {
  ReadFirst(15);
  EXPECT_TRUE(flow_.Abort().finish);
  const auto late = flow_.Answered(1, 10, 1);
  EXPECT_THAT(late.write, IsEmpty());
  EXPECT_FALSE(late.work || late.read || late.finish);
}

TEST_F(StreamFlowTest, AnAbortKeepsThePermitUntilWorkHasCeased) {
  ReadFirst(10);
  flow_.Answered(1, 5, 1);
  EXPECT_FALSE(flow_.Abort().returned);
  EXPECT_EQ(permits_.in_flight(), 1u);
  EXPECT_TRUE(flow_.Answered(2, 5, 1).returned);
}

TEST_F(StreamFlowTest, AnAbortEndsWithTheWriteUnderWayButReturnsItsPermitBefore) {
  ReadFirst(10);
  flow_.Answered(1, 10, 1);
  const auto aborted = flow_.Abort();
  EXPECT_FALSE(aborted.finish);
  EXPECT_TRUE(aborted.returned);
  const auto written = flow_.Written();
  EXPECT_TRUE(written.finish);
  EXPECT_FALSE(written.returned);
  EXPECT_EQ(flow_.in_flight(), 0u);
}

TEST_F(StreamFlowTest, APermitThatComesAfterAnAbortIsReturned) {
  flow_.Open();
  Read("first", 3);
  EXPECT_TRUE(flow_.Abort().finish);
  EXPECT_TRUE(flow_.Admitted(permits_.TryAdmit().permit).returned);
  EXPECT_EQ(permits_.in_flight(), 0u);
}

/// Streams whose steps are taken by several threads: every step becomes a task that some thread runs some time.
class Threads {
 public:
  explicit Threads(size_t count) {
    for (size_t i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Threads() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    available_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void Push(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    available_.notify_one();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      available_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// A stream of `messages` messages of up to 40 items; it notes what it was given and checks the bounds on the way.
struct DrivenStream {
  void Take(Flow::Steps steps) {
    if (steps.admit) {
      permits->AdmitWhenFree([this](Permits::Decision decision) { Take(flow.Admitted(std::move(decision.permit))); });
    }
    if (steps.work) {
      in_work += steps.work->items;
      most_in_work = std::max(most_in_work.load(), in_work.load());
      for (size_t done = 0; done < steps.work->items; done += 4) {
        const size_t items = std::min<size_t>(4, steps.work->items - done);
        threads->Push([this, items] {
          in_work -= items;
          Take(flow.Answered(static_cast<int>(items), items, 1));
        });
      }
    }
    if (!steps.write.empty()) {
      EXPECT_EQ(writes_under_way.fetch_add(1), 0);
      written += std::accumulate(steps.write.begin(), steps.write.end(), 0);
      threads->Push([this] {
        --writes_under_way;
        Take(flow.Written());
      });
    }
    if (steps.read) {
      EXPECT_EQ(reads_under_way.fetch_add(1), 0);
      threads->Push([this] {
        --reads_under_way;
        if (messages == 0) return Take(flow.ReadsEnded());
        const size_t items = static_cast<size_t>(--messages * 7 % 41);
        sent += items;
        Take(flow.MessageRead(std::make_shared<std::string>("m"), items));
      });
    }
    if (steps.finish) {
      steps.returned = Permit();
      ++*finished;
    }
  }

  Permits* permits;
  Threads* threads;
  std::atomic<int>* finished;
  int messages = 200;
  Flow flow{{.items_in_flight = 24, .bytes_per_write = 8}};
  std::atomic<size_t> in_work{0}, most_in_work{0}, sent{0};
  std::atomic<int> written{0}, reads_under_way{0}, writes_under_way{0};
};

TEST(StreamFlowThreads, EveryItemIsAnsweredOnceAndTheBoundHolds) {
  Permits permits(4);
  std::atomic<int> finished{0};
  std::vector<std::unique_ptr<DrivenStream>> streams;
  {
    Threads threads(4);
    for (int i = 0; i < 6; ++i) {
      streams.push_back(std::make_unique<DrivenStream>());
      DrivenStream& stream = *streams.back();
      stream.permits = &permits;
      stream.threads = &threads;
      stream.finished = &finished;
      threads.Push([&stream] { stream.Take(stream.flow.Open()); });
    }
    while (finished < 6) std::this_thread::sleep_for(1ms);
  }
  for (const auto& stream : streams) {
    EXPECT_EQ(static_cast<size_t>(stream->written.load()), stream->sent.load());
    EXPECT_GT(stream->sent.load(), 1000u);
    EXPECT_LE(stream->most_in_work.load(), 24u);
  }
  EXPECT_EQ(permits.in_flight(), 0u);
}

TEST(StreamFlowThreads, StreamsThatAreAbortedAnywhereFinishOnceAndReturnTheirPermits) {
  Permits permits(4);
  std::atomic<int> finished{0};
  std::vector<std::unique_ptr<DrivenStream>> streams;
  {
    Threads threads(4);
    for (int i = 0; i < 50; ++i) {
      streams.push_back(std::make_unique<DrivenStream>());
      DrivenStream& stream = *streams.back();
      stream.permits = &permits;
      stream.threads = &threads;
      stream.finished = &finished;
      threads.Push([&stream] { stream.Take(stream.flow.Open()); });
      threads.Push([&stream, i] {
        for (int spin = 0; spin < i * 20; ++spin) std::this_thread::yield();
        stream.Take(stream.flow.Abort());
      });
    }
  }
  EXPECT_EQ(finished.load(), 50);
  EXPECT_EQ(permits.in_flight(), 0u);
}

}  // namespace
}  // namespace roberta::admission
