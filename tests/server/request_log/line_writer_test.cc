#include "server/request_log/request_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace roberta::request_log {
namespace {

using ::testing::ElementsAre;

TEST(LineWriter, WritesInOrderAndEverythingBeforeItIsGone) {
  std::vector<std::string> written;
  std::vector<std::string> expected;
  {
    LineWriter writer(1000, [&](Level, std::string_view line) { written.emplace_back(line); });
    for (int i = 0; i < 1000; ++i) {
      expected.push_back(std::to_string(i));
      EXPECT_TRUE(writer.Push(Level::kInfo, expected.back()));
    }
  }
  EXPECT_EQ(written, expected);
}

TEST(LineWriter, HandsOnTheLevel) {
  std::vector<Level> levels;
  {
    LineWriter writer(10, [&](Level level, std::string_view) { levels.push_back(level); });
    for (const Level level : {Level::kError, Level::kInfo, Level::kWarn}) writer.Push(level, "line");
  }
  EXPECT_THAT(levels, ElementsAre(Level::kError, Level::kInfo, Level::kWarn));
}

TEST(LineWriter, ASinkThatIsStuckHoldsUpNobodyAndWhatHasNoRoomIsRefused) {
  std::promise<void> entered, release;
  std::vector<std::string> written;
  {
    LineWriter writer(2, [&](Level, std::string_view line) {
      written.emplace_back(line);
      if (written.size() > 1) return;
      entered.set_value();
      release.get_future().wait();
    });
    EXPECT_TRUE(writer.Push(Level::kInfo, "stuck"));
    entered.get_future().wait();
    EXPECT_TRUE(writer.Push(Level::kInfo, "first"));
    EXPECT_TRUE(writer.Push(Level::kInfo, "second"));
    EXPECT_FALSE(writer.Push(Level::kInfo, "lost"));
    writer.PushLast(Level::kInfo, "last");
    release.set_value();
  }
  EXPECT_THAT(written, ElementsAre("stuck", "first", "second", "last"));
}

TEST(LineWriter, LinesOfManyThreadsAllArrive) {
  size_t written = 0;
  {
    LineWriter writer(8 * 500, [&](Level, std::string_view) { ++written; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(writer.Push(Level::kInfo, "line"));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(written, 8u * 500u);
}

}  // namespace
}  // namespace roberta::request_log
