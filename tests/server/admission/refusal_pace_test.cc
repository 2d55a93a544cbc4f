#include "server/admission/refusal_pace.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace roberta::admission
