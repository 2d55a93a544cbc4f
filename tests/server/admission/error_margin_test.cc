#include "server/admission/estimates.h"

#include <gtest/gtest.h>

#include <random>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

constexpr double kPredictedNs = 100e6;

class ErrorMarginTest : public testing::Test {
 protected:
  /// `calls` calls, 1 ms apart, that take `times` what was predicted.
  void Learn(int calls, double times) {
    for (int i = 0; i < calls; ++i) margin_.Learn(now_ += 1ms, kPredictedNs, times * kPredictedNs);
  }
  double Margin() const { return margin_.MarginNs(kPredictedNs) / kPredictedNs; }

  ErrorMargin::Clock::time_point now_{1000s};
  ErrorMargin margin_;
};

TEST_F(ErrorMarginTest, CoversAllButTheShareItAllows) {
  std::mt19937 random(1);
  std::normal_distribution<double> error(0, 0.1);
  int beyond = 0;
  constexpr int kWarmUp = 20'000, kCalls = 100'000;
  for (int i = 0; i < kWarmUp + kCalls; ++i) {
    const double times = 1 + error(random);
    beyond += i >= kWarmUp && times > 1 + Margin();
    Learn(1, times);
  }
  EXPECT_LT(beyond, 1.5 * ErrorMargin::kShortfall * kCalls);
  EXPECT_GT(beyond, 0.3 * ErrorMargin::kShortfall * kCalls);
}

TEST_F(ErrorMarginTest, IsNextToNothingWherePredictionsAreTooLong) {
  Learn(10'000, 0.5);
  EXPECT_NEAR(Margin(), 0.0, 0.02);
  EXPECT_GE(Margin(), 0.0);
}

TEST_F(ErrorMarginTest, GrowsWithinAFewCallsThatAreLate) {
  Learn(1000, 1.0);
  Learn(10, 1.4);
  EXPECT_NEAR(Margin(), 0.4, 0.02);
}

TEST_F(ErrorMarginTest, ForgetsABadTime) {
  Learn(1000, 1.4);
  now_ += ErrorMargin::kHalfLife;
  Learn(200'000, 1.0);
  EXPECT_LT(Margin(), 0.05);
}

TEST_F(ErrorMarginTest, NeverMoreThanDoublesAPrediction) {
  Learn(1000, 100);
  EXPECT_LT(Margin(), 1.02);
}

}  // namespace
}  // namespace roberta::admission
