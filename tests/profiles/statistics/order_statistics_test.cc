#include "profiles/statistics/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace roberta::statistics {
namespace {

TEST(MedianOf, IsTheMiddleOrTheMeanOfTheTwoThere) {
  EXPECT_EQ(MedianOf({3, 1, 2}).median, 2);
  EXPECT_EQ(MedianOf({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(MedianOf({5}).median, 5);
}

TEST(MedianOf, OfFewTheIntervalIsTheirRange) {
  for (const auto& values : {std::vector<double>{7}, {7, 8}, {8, 1, 2, 3, 7}, {8, 1, 2, 3, 7, 4, 5, 6}}) {
    const Spread interval = MedianOf(values);
    EXPECT_EQ(interval.low, *std::min_element(values.begin(), values.end()));
    EXPECT_EQ(interval.high, *std::max_element(values.begin(), values.end()));
  }
}

TEST(MedianOf, OfNineTheOutermostOnEitherSideAreLeftOut) {
  const Spread interval = MedianOf({9, 8, 7, 6, 5, 4, 3, 2, 1});
  EXPECT_EQ(interval.low, 2);
  EXPECT_EQ(interval.high, 8);
}

TEST(MedianOf, OfAHundredTheIntervalIsThatOfTheTables) {
  std::vector<double> values;
  for (int i = 1; i <= 100; ++i) values.push_back(i);
  const Spread interval = MedianOf(values);
  EXPECT_EQ(interval.low, 40);
  EXPECT_EQ(interval.high, 61);
}

TEST(SpreadOf, TellsBothEndsAndTheMiddle) {
  const auto spread = SpreadOf({7, -1, 3, 3});
  ASSERT_TRUE(spread.has_value());
  EXPECT_EQ(spread->low, -1);
  EXPECT_EQ(spread->median, 3);
  EXPECT_EQ(spread->high, 7);
}

TEST(SpreadOf, ItsMiddleIsThatOfAnOddNumberOrBetweenTwo) {
  EXPECT_EQ(SpreadOf({5, 1, 3})->median, 3);
  EXPECT_EQ(SpreadOf({10, 1, 2, 4})->median, 3);
  EXPECT_EQ(SpreadOf({4, 2})->median, 3);
}

TEST(SpreadOf, OneValueIsAllThree) {
  const auto spread = SpreadOf({2.5});
  ASSERT_TRUE(spread.has_value());
  EXPECT_EQ(spread->low, 2.5);
  EXPECT_EQ(spread->median, 2.5);
  EXPECT_EQ(spread->high, 2.5);
}

TEST(SpreadOf, NothingHasNone) {
  EXPECT_FALSE(SpreadOf({}).has_value());
}

TEST(CoverageOfInterval, IsThatOfFairCoins) {
  EXPECT_EQ(CoverageOfInterval(1), 0);
  EXPECT_EQ(CoverageOfInterval(5), 1 - 2.0 / 32);
  EXPECT_EQ(CoverageOfInterval(6), 1 - 2.0 / 64);
  EXPECT_EQ(CoverageOfInterval(9), 1 - 2 * (1 + 9) / 512.0);
  EXPECT_GE(CoverageOfInterval(1000), 0.95);
  EXPECT_LT(CoverageOfInterval(1000), 0.96);
}

TEST(Quantile, IsOneOfTheValues) {
  const std::vector<double> values = {4, 2, 1, 3};
  EXPECT_EQ(Quantile(values, 0.5), 2);
  EXPECT_EQ(Quantile(values, 0.51), 3);
  EXPECT_EQ(Quantile(values, 0.95), 4);
  EXPECT_EQ(Quantile({7}, 0.01), 7);
}

}  // namespace
}  // namespace roberta::statistics
