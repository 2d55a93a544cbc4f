#include "loadtest/series/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::loadtest::series {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr LevelLimits kUsers = {.least = 1, .most = 20'000, .whole = true};
constexpr LevelLimits kRates = {.least = 0.001, .most = 1e6};

std::vector<double> Levels(const char* text, const LevelLimits& limits = kUsers) {
  const auto levels = ParseLevels(text, limits);
  EXPECT_TRUE(levels.ok()) << levels.status();
  return levels.value_or(std::vector<double>());
}

TEST(ParseLevels, ANumberIsOne) {
  EXPECT_THAT(Levels("16"), ElementsAre(16));
  EXPECT_THAT(Levels("0.5", kRates), ElementsAre(0.5));
}

TEST(ParseLevels, AListIsSortedAndHasEachOnce) {
  EXPECT_THAT(Levels("16,1,4,16"), ElementsAre(1, 4, 16));
}

TEST(ParseLevels, ARangeWithAStepEndsWithItsEnd) {
  EXPECT_THAT(Levels("1:9:4"), ElementsAre(1, 5, 9));
  EXPECT_THAT(Levels("1:10:4"), ElementsAre(1, 5, 9, 10));
  EXPECT_THAT(Levels("3:3:4"), ElementsAre(3));
}

TEST(ParseLevels, ARangeWithoutAStepDoubles) {
  EXPECT_THAT(Levels("1:16"), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_THAT(Levels("3:20"), ElementsAre(3, 6, 12, 20));
  EXPECT_THAT(Levels("5:5"), ElementsAre(5));
}

TEST(ParseLevels, FractionsOfAStepDoNotAddUpToAnExtraLevel) {
  EXPECT_EQ(Levels("0.1:1:0.1", kRates).size(), 10u);
}

TEST(ParseLevels, WhatIsNoLevelIsNamed) {
  const auto error = [](const char* text, const LevelLimits& limits) {
    return std::string(ParseLevels(text, limits).status().message());
  };
  EXPECT_THAT(error("5:1", kUsers), HasSubstr("the first level, 5, is above the last, 1"));
  EXPECT_THAT(error("1:5:0", kUsers), HasSubstr("the step \"0\" is not a whole number from 1"));
  EXPECT_THAT(error("1:5:0", kRates), HasSubstr("the step \"0\""));
  EXPECT_THAT(error("1:5:-1", kRates), HasSubstr("the step \"-1\""));
  EXPECT_THAT(error("1:2:3:4", kUsers), HasSubstr("not FIRST:LAST:STEP"));
  EXPECT_THAT(error("1.5", kUsers), HasSubstr("\"1.5\" is not a whole number from 1 to 20000"));
  for (const char* bad : {"", ",", "1,", ":", "1:", "x", "nan", "inf", "-1", "0", "1e12", "1,0", "0:5", "1:1e12"}) {
    EXPECT_THAT(error(bad, kRates), HasSubstr("is not a number from 0.001 to 1e+06")) << bad;
  }
}

TEST(ParseLevels, ThousandsOfLevelsAreTooMany) {
  EXPECT_THAT(ParseLevels("1:20000:1", kUsers).status().message(), HasSubstr("more than 1000 levels"));
  EXPECT_THAT(ParseLevels("0.001:1000000:0.001", kRates).status().message(), HasSubstr("more than 1000 levels"));
}

}  // namespace

namespace {

using std::chrono::seconds;

TEST(Schedule, ProfilesTakeTurnsAtEachLevel) {
  std::string order;
  for (const Step& step : Schedule({"a", "b"}, {1, 4}, 2)) {
    order += step.profile + std::to_string(static_cast<int>(step.level)) + "/" + std::to_string(step.turn) + " ";
  }
  EXPECT_EQ(order, "a1/0 b1/0 a4/0 b4/0 a1/1 b1/1 a4/1 b4/1 ");
}

TEST(StepText, NamesWhatIsMeasured) {
  EXPECT_EQ(StepText({"quantized", 16, 1}, "16 users", 3), "quantized, 16 users, turn 2 of 3");
  EXPECT_EQ(StepText({"", 16, 0}, "16 users", 1), "the default profile, 16 users");
}

double Left(const ExpectedTime& time, seconds elapsed, seconds longest) {
  const Share share = time.During(elapsed, longest);
  return static_cast<double>(share.total - share.done) / 1e9;
}

TEST(ExpectedTime, TheFirstRunIsExpectedToBeAsLongAsItMayAndTheOthersToo) {
  const ExpectedTime time(3);
  EXPECT_DOUBLE_EQ(Left(time, seconds(0), seconds(10)), 30);
  EXPECT_DOUBLE_EQ(Left(time, seconds(4), seconds(10)), 26);
}

TEST(ExpectedTime, LaterOnesAsLongAsThoseBefore) {
  ExpectedTime time(3);
  time.RunEnded(seconds(6));
  EXPECT_DOUBLE_EQ(Left(time, seconds(2), seconds(10)), 4 + 6);
  EXPECT_EQ(time.During(seconds(2), seconds(10)).done, 8'000'000'000u);
}

TEST(ExpectedTime, MoreRunsThanWereExpectedAreNoLoss) {
  ExpectedTime time(1);
  time.RunEnded(seconds(6));
  time.RunEnded(seconds(6));
  EXPECT_DOUBLE_EQ(Left(time, seconds(2), seconds(10)), 4);
  EXPECT_DOUBLE_EQ(Left(time, seconds(9), seconds(10)), 0);
}

}  // namespace

}  // namespace roberta::loadtest::series
