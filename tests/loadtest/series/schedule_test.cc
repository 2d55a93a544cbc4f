#include "loadtest/series/schedule.h"

#include <gtest/gtest.h>

namespace roberta::series {
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
}  // namespace roberta::series
