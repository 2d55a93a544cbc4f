#include "server/admission/refusal_pace.h"

#include <gtest/gtest.h>

#include <map>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

constexpr RefusalPace::Clock::time_point kStart{1h};

TEST(RefusalPace, AQuietServerRefusesAtOnce) {
  RefusalPace pace(1ms);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pace.Next(kStart + i * 1ms), kStart + i * 1ms);
}

TEST(RefusalPace, ABurstLeavesAtOnceAndTheRestInTurn) {
  RefusalPace pace(1ms);
  int at_once = 0;
  while (pace.Next(kStart) == kStart) ++at_once;
  EXPECT_EQ(at_once, RefusalPace::kBurst / 1ms + 1);
  EXPECT_EQ(pace.Next(kStart), kStart + 2ms);
  EXPECT_EQ(pace.Next(kStart + 1ms), kStart + 3ms);
}

TEST(RefusalPace, NobodyWaitsLongerThanTheLongest) {
  RefusalPace pace(1ms);
  for (int i = 0; i < 100000; ++i) EXPECT_LE(pace.Next(kStart), kStart + RefusalPace::kLongest);
  EXPECT_EQ(pace.Next(kStart), kStart + RefusalPace::kLongest);
}

TEST(RefusalPace, AfterAStormTheWaitEndsWithIt) {
  RefusalPace pace(1ms);
  for (int i = 0; i < 100000; ++i) pace.Next(kStart);
  const auto later = kStart + RefusalPace::kLongest + 2 * RefusalPace::kBurst;
  EXPECT_EQ(pace.Next(later), later);
}

/// The refusals of the last of 30 seconds, of callers who are never answered. In a closed loop they call again 20 ms
/// after they have heard of a refusal, in an open one every second.
struct Storm {
  explicit Storm(size_t callers, bool is_closed) {
    std::multimap<RefusalPace::Clock::time_point, int> calls;
    for (size_t i = 0; i < callers; ++i) calls.emplace(kStart + i * (1000000us / callers), 0);
    while (calls.begin()->first < kStart + 30s) {
      const auto now = calls.begin()->first;
      calls.erase(calls.begin());
      const auto turn = pace.Next(now);
      if (now >= kStart + 29s) ++refused, waited += turn > now + 900ms;
      calls.emplace(is_closed ? turn + 20ms : now + 1s, 0);
    }
  }
  RefusalPace pace{1ms};
  size_t refused = 0, waited = 0;
};

TEST(RefusalPace, ManyMoreCallersThanThePaceAllowsWaitTheLongestIfTheyComeLessOftenThen) {
  const Storm storm(5000, /*is_closed=*/true);
  EXPECT_LT(storm.refused, 6000u);
  EXPECT_GT(storm.waited, storm.refused / 2);
}

TEST(RefusalPace, CallersWhoComeAtTheirOwnTimesDoNotWait) {
  const Storm storm(5000, /*is_closed=*/false);
  EXPECT_EQ(storm.refused, 5000u);
  EXPECT_LT(storm.waited, storm.refused / 2);
}

}  // namespace
}  // namespace roberta::admission
