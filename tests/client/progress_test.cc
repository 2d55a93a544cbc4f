#include "client/cli/progress.h"

#include <gtest/gtest.h>

namespace roberta::cli {
namespace {

TEST(Progress, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine({.items = 1500, .bytes = 25, .total_bytes = 100}, 10),
            "[#####---------------]  25 %  1,500 items  150 items/s  0:30 left");
}

TEST(Progress, WithoutATotalShowsWhatIsKnown) {
  EXPECT_EQ(ProgressLine({.items = 30, .bytes = 25}, 10), "30 items  3 items/s");
}

TEST(Progress, AFileThatGrewIsNotMoreThanFull) {
  EXPECT_EQ(ProgressLine({.items = 1, .bytes = 200, .total_bytes = 100}, 1),
            "[####################] 100 %  1 items  1 items/s  0:00 left");
}

TEST(Progress, StartsWithoutAGuess) {
  EXPECT_EQ(ProgressLine({.total_bytes = 100}, 0), "[--------------------]   0 %  0 items  0 items/s");
}

TEST(Progress, NumbersAreGrouped) {
  EXPECT_EQ(WithSeparators(0), "0");
  EXPECT_EQ(WithSeparators(999), "999");
  EXPECT_EQ(WithSeparators(1000), "1,000");
  EXPECT_EQ(WithSeparators(1234567), "1,234,567");
}

}  // namespace
}  // namespace roberta::cli
