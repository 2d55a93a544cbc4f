#include "server/batching/cost_model.h"

#include <gtest/gtest.h>

#include <random>

namespace roberta::batching {
namespace {

constexpr double kOverheadNs = 200'000;
constexpr double kNsPerToken = 10'000;

void LearnLine(CostModel* cost, const std::vector<size_t>& sizes, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    for (const size_t tokens : sizes) {
      cost->Learn(tokens, static_cast<int64_t>(kOverheadNs + kNsPerToken * static_cast<double>(tokens)));
    }
  }
}

TEST(CostModel, CostsNothingUntilSomethingIsKnown) {
  const CostModel cost;
  EXPECT_FALSE(cost.known());
  EXPECT_EQ(cost.BatchNs(100), 0);
}

TEST(CostModel, TakesASeedAsTheRate) {
  CostModel cost;
  cost.Seed(kNsPerToken);
  EXPECT_TRUE(cost.known());
  EXPECT_DOUBLE_EQ(cost.BatchNs(100), 100 * kNsPerToken);
}

TEST(CostModel, DistinguishesOverheadFromTokens) {
  CostModel cost;
  LearnLine(&cost, {10, 100, 1000}, 50);
  EXPECT_NEAR(cost.overhead_ns(), kOverheadNs, 0.01 * kOverheadNs);
  EXPECT_NEAR(cost.ns_per_token(), kNsPerToken, 0.01 * kNsPerToken);
}

TEST(CostModel, ForgetsAWrongSeed) {
  CostModel cost;
  cost.Seed(20 * kNsPerToken);
  LearnLine(&cost, {10, 100, 1000}, 100);
  EXPECT_NEAR(cost.BatchNs(500), kOverheadNs + 500 * kNsPerToken, 0.02 * 500 * kNsPerToken);
}

TEST(CostModel, IsRightForBatchesOfOneSizeThoughTheyShowNoSlope) {
  CostModel cost;
  LearnLine(&cost, {64}, 200);
  EXPECT_NEAR(cost.BatchNs(64), kOverheadNs + 64 * kNsPerToken, 0.01 * 64 * kNsPerToken);
}

TEST(CostModel, FollowsAChangeOfSpeed) {
  CostModel cost;
  LearnLine(&cost, {10, 100, 1000}, 50);
  for (int i = 0; i < 200; ++i) cost.Learn(i % 2 == 0 ? 100 : 1000, i % 2 == 0 ? 3'000'000 : 30'000'000);
  EXPECT_NEAR(cost.BatchNs(1000), 30e6, 0.5e6);
}

TEST(CostModel, OneStallMovesItOnlyALittle) {
  CostModel cost;
  LearnLine(&cost, {10, 100, 1000}, 50);
  const double before = cost.BatchNs(100);
  cost.Learn(100, 3600ll * 1'000'000'000);
  EXPECT_LT(cost.BatchNs(100), 1.2 * before);
}

TEST(CostModel, NeverHasANegativePart) {
  std::mt19937 random(1);
  CostModel cost;
  for (int i = 0; i < 10000; ++i) {
    cost.Learn(random() % 2048, static_cast<int64_t>(random() % 100'000'000));
    ASSERT_GE(cost.overhead_ns(), 0);
    ASSERT_GE(cost.ns_per_token(), 0);
  }
}

/// Batches of 100 tokens that take 60 ms with a helper all the time, and 100 ms without.
void LearnBoth(BatchCost* cost) {
  for (int i = 0; i < 200; ++i) {
    cost->Learn(100, 100'000'000, 0);
    cost->Learn(100, 60'000'000, 59'000'000);
  }
}

TEST(BatchCost, KnowsWhatHelpIsWorth) {
  BatchCost cost;
  cost.Seed(1e6);
  EXPECT_DOUBLE_EQ(cost.HelpedNs(100), 100e6);  // nothing was seen of it yet
  LearnBoth(&cost);
  EXPECT_NEAR(cost.HelpedNs(100), 60e6, 1e6);
  EXPECT_NEAR(cost.alone().BatchNs(100), 100e6, 1e6);
}

TEST(BatchCost, TheSameSeedAgainKeepsWhatWasLearned) {
  BatchCost cost;
  cost.Seed(1e6);
  LearnBoth(&cost);
  const double learned = cost.HelpedNs(100);
  cost.Seed(1e6);
  EXPECT_EQ(cost.HelpedNs(100), learned);
  cost.Seed(2e6);
  EXPECT_DOUBLE_EQ(cost.HelpedNs(100), 200e6);
}

TEST(BatchCost, HelpForAPartOfTheTimeIsNotTakenForSpeed) {
  BatchCost cost;
  LearnBoth(&cost);
  // Half of the work with a helper, 30 ms, and half without, 50 ms.
  for (int i = 0; i < 200; ++i) cost.Learn(100, 80'000'000, 30'000'000);
  EXPECT_NEAR(cost.alone().BatchNs(100), 100e6, 2e6);
  EXPECT_NEAR(cost.HelpedNs(100), 60e6, 1e6);
}

TEST(BatchCost, KnowsItsCostThoughEveryBatchWasHelped) {
  BatchCost cost;
  for (int i = 0; i < 10; ++i) cost.Learn(100, 60'000'000, 60'000'000);
  EXPECT_TRUE(cost.alone().known());
  EXPECT_NEAR(cost.HelpedNs(100), 60e6, 1e6);
}

}  // namespace
}  // namespace roberta::batching
