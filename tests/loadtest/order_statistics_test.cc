#include "loadtest/stats/order_statistics.h"

#include <gtest/gtest.h>

namespace roberta::loadtest::stats {
namespace {

TEST(MedianOf, AnOddNumberHasAMiddle) {
  EXPECT_EQ(MedianOf({5, 1, 3}), 3);
}

TEST(MedianOf, OfAnEvenNumberItIsBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(MedianOf({10, 1, 2, 4}), 3);
  EXPECT_EQ(MedianOf({4, 2}), 3);
}

TEST(MedianOf, NothingHasNone) {
  EXPECT_FALSE(MedianOf({}).has_value());
}

TEST(SpreadOf, TellsBothEndsAndTheMiddle) {
  const auto spread = SpreadOf({7, -1, 3, 3});
  ASSERT_TRUE(spread.has_value());
  EXPECT_EQ(spread->low, -1);
  EXPECT_EQ(spread->median, 3);
  EXPECT_EQ(spread->high, 7);
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

}  // namespace
}  // namespace roberta::loadtest::stats
