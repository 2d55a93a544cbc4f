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

TEST(RefusalPace, ThoseWhoseTurnIsTooFarAwayLeaveAtOnce) {
  RefusalPace pace(1ms);
  int waiting = 0;
  for (int i = 0; i < 100000; ++i) {
    const auto turn = pace.Next(kStart);
    EXPECT_LE(turn, kStart + RefusalPace::kLongest);
    waiting += turn > kStart;
  }
  EXPECT_EQ(waiting, RefusalPace::kLongest / 1ms);
  EXPECT_EQ(pace.Next(kStart), kStart);
  EXPECT_EQ(pace.Next(kStart + 1ms), kStart + 1ms + RefusalPace::kLongest);  // they have taken no turn
}

TEST(RefusalPace, AfterAStormTheWaitEndsWithIt) {
  RefusalPace pace(1ms);
  for (int i = 0; i < 100000; ++i) pace.Next(kStart);
  const auto later = kStart + RefusalPace::kLongest + 2 * RefusalPace::kBurst;
  EXPECT_EQ(pace.Next(later), later);
}

TEST(RefusalPace, NobodyWaitsBeyondWhatTheDeadlineAllows) {
  RefusalPace pace(1ms);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(pace.Next(kStart, kStart + 20ms), kStart + 20ms);
  EXPECT_EQ(pace.Next(kStart, kStart + 20ms), kStart + 20ms);
  EXPECT_EQ(pace.Next(kStart, kStart - 1ms), kStart);
}

/// The refusals of the last of 5 seconds, of callers who are never answered. In a closed loop they call again 20 ms
/// after they have heard of a refusal, in an open one every second. No refusal waits longer than `longest`.
struct Storm {
  explicit Storm(size_t callers, bool is_closed, std::chrono::milliseconds longest = RefusalPace::kLongest) {
    std::multimap<RefusalPace::Clock::time_point, int> calls;
    for (size_t i = 0; i < callers; ++i) calls.emplace(kStart + i * (1000000us / callers), 0);
    while (calls.begin()->first < kStart + 5s) {
      const auto now = calls.begin()->first;
      calls.erase(calls.begin());
      const auto turn = pace.Next(now, now + longest);
      if (now >= kStart + 4s) ++refused, waited += turn > now + longest * 9 / 10;
      calls.emplace(is_closed ? turn + 20ms : now + 1s, 0);
    }
  }
  RefusalPace pace{1ms};
  size_t refused = 0, waited = 0;
};

TEST(RefusalPace, AClosedLoopComesAsOftenAsThePaceSays) {
  const Storm storm(900, /*is_closed=*/true);
  EXPECT_LT(storm.refused, 1100u);
}

TEST(RefusalPace, CallersWhoseDeadlineIsShorterThanTheirTurnWaitAsLongAsTheyCan) {
  const Storm storm(500, /*is_closed=*/true, 180ms);
  EXPECT_LT(storm.refused, 3500u);
  EXPECT_GT(storm.waited, storm.refused / 2);
}

TEST(RefusalPace, OfCallersWhoComeAtTheirOwnTimesOnlyAsManyWaitAsTheIntervalAllows) {
  const Storm storm(5000, /*is_closed=*/false);
  EXPECT_EQ(storm.refused, 5000u);
  EXPECT_LE(storm.waited, 1001u);
}

}  // namespace
}  // namespace roberta::admission
