#include "server/admission/estimates.h"

#include <gtest/gtest.h>

namespace roberta::admission {
namespace {

TEST(TokenRate, StartsFromProse) {
  EXPECT_NEAR(static_cast<double>(TokenRate().Estimate(400, 512)), 98, 1);
}

TEST(TokenRate, LearnsFromTexts) {
  TokenRate rate;
  for (int i = 0; i < 1000; ++i) rate.Learn(2, 100, 54);  // 50 of them are not special
  EXPECT_NEAR(static_cast<double>(rate.Estimate(100, 512)), 52, 1);
}

TEST(TokenRate, ATextHasNoMoreTokensThanTheModelTakes) {
  EXPECT_EQ(TokenRate().Estimate(1'000'000, 512), 512u);
}

TEST(TokenRate, NoTextsTeachItNonsense) {
  TokenRate rate;
  for (int i = 0; i < 10'000; ++i) rate.Learn(1, 0, 2);
  EXPECT_EQ(rate.Estimate(0, 512), 2u);
  EXPECT_LE(rate.Estimate(100, 512), 202u);
}

}  // namespace
}  // namespace roberta::admission
