#include "server/admission/estimates.h"

#include <gtest/gtest.h>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

constexpr LoadMeter::Clock::time_point kMeterStart{1000s};

/// Offers a tenth of `share` executor-seconds every 100 ms.
LoadMeter::Clock::time_point OfferSteadily(LoadMeter* load, LoadMeter::Clock::time_point from,
                                           std::chrono::seconds duration, double share) {
  auto now = from;
  for (; now < from + duration; now += 100ms) load->Offer(now, share * 1e8);
  return now;
}

TEST(LoadMeter, IsZeroWhereNothingArrives) {
  EXPECT_EQ(LoadMeter(2).Ratio(kMeterStart), 0);
}

TEST(LoadMeter, IsTheWorkOverWhatTheExecutorsCanDo) {
  LoadMeter load(2);
  const auto now = OfferSteadily(&load, kMeterStart, 30s, 3.0);
  EXPECT_NEAR(load.Ratio(now), 1.5, 0.05);
}

TEST(LoadMeter, ForgetsAfterTheWindow) {
  LoadMeter load(1);
  const auto now = OfferSteadily(&load, kMeterStart, 30s, 3.0);
  EXPECT_NEAR(load.Ratio(now + 5s), 1.5, 0.1);
  EXPECT_EQ(load.Ratio(now + LoadMeter::kWindow + 1s), 0);
}

TEST(LoadMeter, DoesNotJumpWhenASecondEnds) {
  LoadMeter load(1);
  const auto now = OfferSteadily(&load, kMeterStart, 30s, 1.0);
  for (auto at = now; at < now + 3s; at += 10ms) EXPECT_NEAR(load.Ratio(at), load.Ratio(at + 10ms), 0.005);
}

}  // namespace
}  // namespace roberta::admission
