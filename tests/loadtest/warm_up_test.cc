#include "loadtest/runner/ledger.h"

#include <gtest/gtest.h>

#include <cmath>

namespace roberta::loadtest::runner {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kSecond = 1'000'000'000;

std::vector<WarmUpWindow> Windows(const std::vector<int64_t>& counts) {
  std::vector<WarmUpWindow> windows;
  for (const int64_t count : counts) windows.push_back({1, count});
  return windows;
}

TEST(IsSteady, ThreeWindowsWithinATenthAre) {
  EXPECT_TRUE(IsSteady(Windows({10'000, 10'500, 9'600})));
  EXPECT_FALSE(IsSteady(Windows({10'000, 10'700, 9'600})));
}

TEST(IsSteady, OnlyTheLastThreeCount) {
  EXPECT_TRUE(IsSteady(Windows({100, 5'000, 10'000, 10'100, 10'200})));
  EXPECT_FALSE(IsSteady(Windows({10'000, 10'000, 10'000, 5'000})));
}

TEST(IsSteady, TwoWindowsAreTooFew) {
  EXPECT_FALSE(IsSteady({}));
  EXPECT_FALSE(IsSteady(Windows({1'000, 1'000})));
}

TEST(IsSteady, NoAnswersAreNot) {
  EXPECT_FALSE(IsSteady(Windows({0, 0, 0})));
}

TEST(IsSteady, ARiseIsNot) {
  EXPECT_FALSE(IsSteady(Windows({800, 1'000, 1'200})));
}

// Counts of 40 differ by 6 from chance alone: a tenth of 40 would never be kept.
TEST(IsSteady, FewAnswersMayDifferByChance) {
  EXPECT_TRUE(IsSteady(Windows({40, 46, 36})));
  EXPECT_FALSE(IsSteady(Windows({40, 60, 36})));
}

TEST(IsSteady, RatesAreComparedNotCounts) {
  EXPECT_TRUE(IsSteady({{1, 10'000}, {2, 20'000}, {0.5, 5'000}}));
  EXPECT_FALSE(IsSteady({{1, 10'000}, {2, 10'000}, {1, 10'000}}));
}

// A server that speeds up towards 10,000/s with a time constant of two seconds comes within a tenth after some more.
TEST(WarmUpWatch, EndsWhenTheRateHasSettled) {
  WarmUpWatch watch({seconds(60), seconds(1)});
  const auto answered = [](double t) { return static_cast<int64_t>(10'000 * (t - 2 * (1 - std::exp(-t / 2)))); };
  int at = 1;
  std::optional<WarmUpEnd> end;
  while (at < 60 && !(end = watch.Observe(at * kSecond, answered(at)))) ++at;
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(*end, WarmUpEnd::kSteady);
  EXPECT_GE(at, 6);
  EXPECT_LE(at, 12);
}

TEST(WarmUpWatch, EndsAtTheLatestWhenItMust) {
  WarmUpWatch watch({seconds(5), seconds(1)});
  int64_t answered = 0;
  for (int at = 1; at < 5; ++at) EXPECT_FALSE(watch.Observe(at * kSecond, answered += 1'000 * at).has_value());
  EXPECT_EQ(watch.Observe(5 * kSecond, answered + 10'000), WarmUpEnd::kNotSteady);
}

TEST(WarmUpWatch, LooksBetweenWindowsChangeNothing) {
  WarmUpWatch watch({seconds(60), seconds(1)});
  for (int64_t at = 0; at < 3 * kSecond; at += kSecond / 20)
    EXPECT_FALSE(watch.Observe(at, at / 1'000'000).has_value());
  EXPECT_EQ(watch.Observe(3 * kSecond, 3'000), WarmUpEnd::kSteady);
}

TEST(WarmUpWatch, AFixedTimeIsKept) {
  WarmUpWatch watch({seconds(2)});
  EXPECT_FALSE(watch.Observe(2 * kSecond - 1, 1'000).has_value());
  EXPECT_EQ(watch.Observe(2 * kSecond, 1'000), WarmUpEnd::kAsAsked);
}

TEST(WarmUpUntilSteady, IsInProportionToTheRun) {
  EXPECT_EQ(WarmUpUntilSteady(seconds(600)).longest, seconds(30));
  EXPECT_EQ(WarmUpUntilSteady(seconds(600)).window, seconds(1));
  EXPECT_EQ(WarmUpUntilSteady(seconds(5)).longest, seconds(5));
  EXPECT_EQ(WarmUpUntilSteady(seconds(5)).window, milliseconds(500));
  EXPECT_EQ(WarmUpUntilSteady(milliseconds(10)).window, milliseconds(100));
}

}  // namespace
}  // namespace roberta::loadtest::runner
