#include "server/call/call.h"

#include <gtest/gtest.h>

namespace roberta::call {
namespace {

using namespace std::chrono_literals;

TEST(PhaseClock, GivesEachIntervalToThePhaseThatEnded) {
  const auto start = PhaseClock::Clock::now();
  PhaseClock clock(start);
  clock.End(Phase::kQueue, start + 5us);
  clock.End(Phase::kTokenize, start + 7us);
  clock.End(Phase::kQueue, start + 17us);
  EXPECT_EQ(clock.spent_ns(Phase::kQueue), 15000);
  EXPECT_EQ(clock.spent_ns(Phase::kTokenize), 2000);
  EXPECT_EQ(clock.spent_ns(Phase::kInfer), 0);
}

TEST(PhaseClock, PhasesAddUpToTheTotal) {
  const auto start = PhaseClock::Clock::now();
  PhaseClock clock(start);
  int64_t sum = 0;
  for (size_t phase = 0; phase < kPhases; ++phase) clock.End(static_cast<Phase>(phase));
  for (size_t phase = 0; phase < kPhases; ++phase) sum += clock.spent_ns(static_cast<Phase>(phase));
  EXPECT_EQ(sum, clock.total_ns());
}

}  // namespace
}  // namespace roberta::call
