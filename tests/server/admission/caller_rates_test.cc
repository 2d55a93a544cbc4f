#include "server/admission/caller_rates.h"

#include <gtest/gtest.h>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

constexpr CallerRates::Clock::time_point kStart{1h};

TEST(CallerRates, ACallerMayHaveASecondsItemsAtOnceAndThenItsRate) {
  CallerRates rates;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(rates.Wait(7, kStart), 0s);
    rates.Spend(7, 10, 1, kStart);
  }
  rates.Spend(7, 10, 1, kStart);
  EXPECT_EQ(rates.Wait(7, kStart), 100ms);
  EXPECT_EQ(rates.Wait(7, kStart + 100ms), 0s);
}

TEST(CallerRates, ALargeCallIsTakenAndMissingLater) {
  CallerRates rates;
  rates.Spend(0, 10, 50, kStart);
  EXPECT_EQ(rates.Wait(0, kStart), 4s);
}

TEST(CallerRates, CallersAreApart) {
  CallerRates rates;
  rates.Spend(1, 10, 50, kStart);
  EXPECT_EQ(rates.Wait(0, kStart), 0s);
  EXPECT_EQ(rates.Wait(2, kStart), 0s);
}

}  // namespace
}  // namespace roberta::admission
