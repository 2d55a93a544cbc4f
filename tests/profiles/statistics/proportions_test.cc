#include "profiles/statistics/statistics.h"

#include <gtest/gtest.h>

namespace roberta::statistics {
namespace {

// The expected limits were computed by another program, which maximises the likelihood of the four counts numerically
// for each hypothesis instead of solving the equation for it.
struct Case {
  PairedAnswers answers;
  double difference, low, high;
};

class PairedCounts : public testing::TestWithParam<Case> {};

TEST_P(PairedCounts, HaveTheScoreInterval) {
  const Case& expected = GetParam();
  const AccuracyDifference found = CompareAccuracies(expected.answers);
  EXPECT_NEAR(found.difference, expected.difference, 1e-9);
  EXPECT_NEAR(found.interval.low, expected.low, 2e-7);
  EXPECT_NEAR(found.interval.high, expected.high, 2e-7);
}

INSTANTIATE_TEST_SUITE_P(All, PairedCounts,
                         testing::Values(Case{{50, 2, 12}, 0.2, 0.061112408, 0.344708747},
                                         Case{{75, 9, 21}, 0.16, 0.017606035, 0.297860724},
                                         Case{{256, 2, 2}, 0, -0.021122148, 0.021122148},
                                         Case{{256, 3, 1}, -0.0078125, -0.030456946, 0.011215887},
                                         Case{{256, 6, 0}, -0.0234375, -0.050180996, -0.008307147},
                                         Case{{872, 2, 4}, 0.002293578, -0.004241420, 0.009708892},
                                         Case{{872, 30, 10}, -0.022935780, -0.038458215, -0.009176287},
                                         Case{{1000000, 40, 100}, 0.00006, 0.000037340, 0.000084269},
                                         Case{{3, 0, 3}, 1, -0.122994064, 1}, Case{{1, 1, 0}, -1, -1, 0.586901371}));

TEST(CompareAccuracies, EqualAnswersToFewTextsStillLeaveRoom) {
  // Here the limits are z^2 / (n + z^2).
  const AccuracyDifference found = CompareAccuracies({.texts = 256});
  EXPECT_NEAR(found.interval.high, 3.841458821 / 259.841458821, 1e-9);
  EXPECT_DOUBLE_EQ(found.interval.low, -found.interval.high);
  EXPECT_FALSE(found.IsShown());
}

TEST(CompareAccuracies, SwappingTheClassifiersMirrorsTheInterval) {
  const AccuracyDifference one = CompareAccuracies({256, 7, 2}), other = CompareAccuracies({256, 2, 7});
  EXPECT_NEAR(one.interval.low, -other.interval.high, 1e-12);
  EXPECT_NEAR(one.interval.high, -other.interval.low, 1e-12);
}

TEST(CompareAccuracies, ShowsADifferenceWhereMcNemarsTestRejectsEquality) {
  // (b - c)^2 / (b + c) is 3.6 and 4.5; the test's limit is 3.84.
  EXPECT_FALSE(CompareAccuracies({1000, 8, 2}).IsShown());
  EXPECT_TRUE(CompareAccuracies({1000, 7, 1}).IsShown());
}

TEST(DifferenceText, SaysSoWhereNoDifferenceIsShown) {
  EXPECT_EQ(DifferenceText(CompareAccuracies({256, 2, 2})), "no difference shown: between -2.1 and +2.1 points");
  EXPECT_EQ(DifferenceText({0, {-0.0001, 0.0001}}), "no difference shown: between 0.0 and 0.0 points");
}

TEST(DifferenceText, SaysHowLargeAShownDifferenceIs) {
  EXPECT_EQ(DifferenceText(CompareAccuracies({256, 6, 0})), "2.3 points lower, between -5.0 and -0.8");
  EXPECT_EQ(DifferenceText(CompareAccuracies({50, 2, 12})), "20.0 points higher, between +6.1 and +34.5");
  EXPECT_EQ(IntervalText(CompareAccuracies({256, 3, 1})), "-3.0 to +1.1");
}

TEST(ShareInterval, IsWilsons) {
  // Where |p - q| = 1.959964 sqrt(q (1 - q) / n), solved by bisection.
  const Interval interval = ShareInterval(770.0 / 872, 872);
  EXPECT_NEAR(interval.low, 0.859997, 1e-6);
  EXPECT_NEAR(interval.high, 0.902698, 1e-6);
  EXPECT_DOUBLE_EQ(ShareInterval(1, 10).high, 1.0);
  EXPECT_LT(ShareInterval(1, 10).low, 0.8);
}

}  // namespace
}  // namespace roberta::statistics
