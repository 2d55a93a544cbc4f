#include "server/request_log/request_log.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace roberta::request_log {
namespace {

using std::chrono::milliseconds;
using TimePoint = RateLimit::Clock::time_point;

int Taken(RateLimit& limit, TimePoint now, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += limit.Take(now);
  return taken;
}

TEST(RateLimit, LetsThroughASecondsWorthAtOnce) {
  RateLimit limit(10);
  EXPECT_EQ(Taken(limit, TimePoint(milliseconds(5000)), 100), 10);
}

TEST(RateLimit, ThenOnePerInterval) {
  RateLimit limit(10);
  TimePoint now{milliseconds(5000)};
  Taken(limit, now, 100);
  EXPECT_EQ(Taken(limit, now + milliseconds(99), 100), 0);
  EXPECT_EQ(Taken(limit, now + milliseconds(100), 100), 1);
  EXPECT_EQ(Taken(limit, now + milliseconds(350), 100), 2);
}

TEST(RateLimit, IsKeptOverALongTime) {
  RateLimit limit(10);
  int taken = 0;
  for (int ms = 0; ms < 60000; ++ms) taken += limit.Take(TimePoint(milliseconds(5000 + ms)));
  EXPECT_EQ(taken, 10 + 599);
}

TEST(RateLimit, ALongSilenceSavesUpNoMoreThanASecond) {
  RateLimit limit(10);
  Taken(limit, TimePoint(milliseconds(5000)), 100);
  EXPECT_EQ(Taken(limit, TimePoint(milliseconds(3600'000)), 100), 10);
}

TEST(RateLimit, TimeThatGoesBackTakesNothingAway) {
  RateLimit limit(10);
  EXPECT_EQ(Taken(limit, TimePoint(milliseconds(5000)), 5), 5);
  EXPECT_EQ(Taken(limit, TimePoint(milliseconds(4900)), 100), 4);
}

TEST(RateLimit, ThreadsShareIt) {
  RateLimit limit(10);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] { taken += Taken(limit, TimePoint(milliseconds(5000)), 1000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 10);
}

}  // namespace
}  // namespace roberta::request_log
