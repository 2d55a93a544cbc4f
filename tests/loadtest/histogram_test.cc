#include "loadtest/stats/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace roberta::loadtest::stats {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Histogram, OneToTenThousandHasThePercentilesOfItsDefinition) {
  Histogram histogram;
  for (int64_t value = 1; value <= 10'000; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.count(), 10'000);
  EXPECT_EQ(histogram.min(), 1);
  EXPECT_EQ(histogram.max(), 10'000);
  EXPECT_DOUBLE_EQ(histogram.mean(), 5000.5);
  EXPECT_EQ(histogram.ValueAt(0.0), 1);
  EXPECT_EQ(histogram.ValueAt(0.1), 1000);
  EXPECT_NEAR(static_cast<double>(histogram.ValueAt(0.5)), 5000, 5);
  EXPECT_NEAR(static_cast<double>(histogram.ValueAt(0.99)), 9900, 10);
  EXPECT_EQ(histogram.ValueAt(1.0), 10'000);
}

TEST(Histogram, AShareThatRoundsUpInBinaryAsksForNoMoreThanItSays) {
  Histogram histogram;
  for (int64_t value = 1; value <= 100; ++value) histogram.Add(value);
  for (int percent = 1; percent <= 100; ++percent) EXPECT_EQ(histogram.ValueAt(percent / 100.0), percent);
}

TEST(Histogram, KeepsThreeDigitsOverItsWholeRange) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(0, std::log10(static_cast<double>(Histogram::kLargest)));
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<int64_t>(std::pow(10, exponent(random)));
    Histogram histogram;
    histogram.Add(value);
    histogram.Add(Histogram::kLargest);  // so that max() does not tell the value
    const int64_t read = histogram.ValueAt(0.5);
    EXPECT_GE(read, value);
    EXPECT_LE(static_cast<double>(read - value), static_cast<double>(value) / 1000);
  }
}

TEST(Histogram, KeepsTwoDigitsInFewerBins) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(0, std::log10(static_cast<double>(Histogram::kLargest)));
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<int64_t>(std::pow(10, exponent(random)));
    Histogram histogram(2);
    histogram.Add(value);
    histogram.Add(Histogram::kLargest);
    const int64_t read = histogram.ValueAt(0.5);
    EXPECT_GE(read, value);
    EXPECT_LE(static_cast<double>(read - value), static_cast<double>(value) / 100);
  }
  Histogram two(2), three;
  for (int64_t value = 1; value <= 1 << 20; ++value) two.Add(value << 20), three.Add(value << 20);
  EXPECT_LT(two.Bins().size() * 6, three.Bins().size());
}

TEST(Histogram, AgreesWithSortedValues) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> distribution(14, 2);
  std::vector<int64_t> values;
  Histogram histogram;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(distribution(random)));
    histogram.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.001, 0.25, 0.5, 0.9, 0.99, 0.999}) {
    const int64_t exact = values[static_cast<size_t>(std::ceil(quantile * 20'000)) - 1];
    EXPECT_NEAR(static_cast<double>(histogram.ValueAt(quantile)), static_cast<double>(exact),
                static_cast<double>(exact) / 1000 + 1);
  }
}

TEST(Histogram, BinsMeetWithoutGapOrOverlap) {
  Histogram histogram;
  for (int64_t value = 0; value < 20'000; ++value) histogram.Add(value);
  int64_t next = 0;
  for (const Histogram::Bin& bin : histogram.Bins()) {
    EXPECT_EQ(bin.lowest, next);
    EXPECT_EQ(bin.count, std::min<int64_t>(bin.highest, 19'999) - bin.lowest + 1);
    next = bin.highest + 1;
  }
}

TEST(Histogram, MergingIsAddingAllValues) {
  Histogram all, odd, even;
  for (int64_t value = 1; value <= 5000; ++value) {
    all.Add(value * value);
    (value % 2 == 0 ? even : odd).Add(value * value);
  }
  odd.Merge(even);
  EXPECT_EQ(odd.PercentileText(1), all.PercentileText(1));
  EXPECT_EQ(odd.min(), all.min());
  EXPECT_EQ(odd.max(), all.max());
}

TEST(Histogram, MergingAnEmptyOneChangesNothing) {
  Histogram histogram;
  histogram.Add(5);
  histogram.Merge(Histogram());
  EXPECT_EQ(histogram.count(), 1);
  EXPECT_EQ(histogram.min(), 5);
}

TEST(Histogram, AnEmptyOneIsZeroThroughout) {
  const Histogram histogram;
  EXPECT_EQ(histogram.ValueAt(0.99), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_TRUE(histogram.Bins().empty());
  EXPECT_THAT(histogram.PercentileText(1), HasSubstr("Total count    =            0]"));
}

TEST(Histogram, WhatIsOutOfRangeCountsAtTheEnds) {
  Histogram histogram;
  histogram.Add(-3);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), Histogram::kLargest);
  EXPECT_EQ(histogram.count(), 2);
}

// The lines that HdrHistogram's outputPercentileDistribution(out, 5, 1.0) has for the values 1 to 4, by its definition:
// levels 0, 10, 20, ... to 50, then in halves of that distance, each with the first value that reaches it.
TEST(Histogram, PercentileTextIsThatOfHdrHistogram) {
  Histogram histogram;
  for (int64_t value = 1; value <= 4; ++value) histogram.Add(value);
  const std::string text = histogram.PercentileText(1);
  EXPECT_THAT(text, StartsWith("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                               "       1.000 0.000000000000          1           1.00\n"
                               "       1.000 0.100000000000          1           1.11\n"
                               "       1.000 0.200000000000          1           1.25\n"
                               "       2.000 0.300000000000          2           1.43\n"));
  EXPECT_THAT(text, HasSubstr("       2.000 0.500000000000          2           2.00\n"
                              "       3.000 0.550000000000          3           2.22\n"));
  EXPECT_THAT(text, HasSubstr("       3.000 0.750000000000          3           4.00\n"
                              "       4.000 0.775000000000          4           4.44\n"
                              "       4.000 1.000000000000          4\n"));
  EXPECT_THAT(text, HasSubstr("#[Mean    =        2.500, StdDeviation   =        1.118]\n"
                              "#[Max     =        4.000, Total count    =            4]\n"));
  EXPECT_THAT(text, EndsWith("SubBuckets     =         2048]\n"));
}

TEST(Histogram, ComesBackFromItsBins) {
  Histogram histogram;
  for (int64_t value = 1; value < 100'000'000; value = value * 3 / 2 + 1) histogram.Add(value, value % 7 + 1);
  const Histogram back = Histogram::FromBins(3, histogram.Bins(), histogram.min(), histogram.max(), histogram.mean());
  EXPECT_EQ(back.PercentileText(1), histogram.PercentileText(1));
  EXPECT_EQ(back.min(), histogram.min());
  EXPECT_EQ(back.significant_digits(), 3);
}

}  // namespace
}  // namespace roberta::loadtest::stats
