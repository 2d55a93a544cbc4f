#include "loadtest/series/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::series {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

TEST(ParseObjective, ReadsQuantilesAndUnits) {
  const auto check = [](const char* text, double quantile, double ms) {
    const auto objective = ParseObjective(text);
    ASSERT_TRUE(objective.ok()) << objective.status();
    EXPECT_DOUBLE_EQ(objective->quantile, quantile) << text;
    EXPECT_DOUBLE_EQ(objective->latency_ms, ms) << text;
  };
  check("p99=50ms", 0.99, 50);
  check("p50=800us", 0.5, 0.8);
  check("p90=2s", 0.9, 2000);
  check("p95=1.5ms", 0.95, 1.5);
  check("p99.9=0.25s", 0.999, 250);
}

TEST(ParseObjective, WhatIsNoneIsNamed) {
  for (const char* bad : {"", "p99", "p99=", "p99=50", "p99=ms", "p98=50ms", "99=50ms", "p99=0ms", "p99=-1ms",
                          "p99=nanms", "p99=50min", "p99=2000000s", "=50ms", "p99=50ms=1"}) {
    EXPECT_THAT(ParseObjective(bad).status().message(), HasSubstr(std::string("\"") + bad + "\" is no objective"))
        << bad;
  }
}

/// `fast` answers after 10 ms and `slow` ones after 90 ms; the objective is 50 ms.
runner::RunResult ResultOf(int fast, int slow, int unsent) {
  runner::RunResult result;
  result.classes.resize(1);
  stats::Tally& tally = result.classes[0];
  for (int i = 0; i < fast + slow; ++i) {
    ++tally.sent;
    tally.Add({.received_ns = (i < fast ? 10 : 90) * kMs}, 50 * kMs);
  }
  result.intended = tally.sent + unsent;
  return result;
}

constexpr Objective kObjective = {0.99, 50};

TEST(Judge, AnObjectiveIsKeptByTheShareThatItAsks) {
  const Probe kept = Judge(ResultOf(990, 10, 0), kObjective, 0.99);
  EXPECT_TRUE(kept.kept);
  EXPECT_DOUBLE_EQ(kept.good_ratio, 0.99);
  EXPECT_NEAR(kept.latency_ms, 10, 0.1);
  const Probe missed = Judge(ResultOf(980, 20, 0), kObjective, 0.98);
  EXPECT_FALSE(missed.kept) << "p99 is 90 ms, whatever the share";
  EXPECT_NEAR(missed.latency_ms, 90, 0.1);
  EXPECT_FALSE(Judge(ResultOf(990, 10, 0), kObjective, 0.995).kept);
}

TEST(Judge, WhatWasDueAndNotSentIsNotGood) {
  const Probe probe = Judge(ResultOf(500, 0, 500), kObjective, 0.99);
  EXPECT_DOUBLE_EQ(probe.good_ratio, 0.5);
  EXPECT_FALSE(probe.kept);
}

TEST(Judge, ErrorsAreInTheDenominator) {
  runner::RunResult result = ResultOf(980, 0, 0);
  for (int i = 0; i < 20; ++i) {
    ++result.classes[0].sent;
    result.classes[0].Add({.received_ns = kMs, .code = absl::StatusCode::kResourceExhausted}, 50 * kMs);
  }
  const Probe probe = Judge(result, kObjective, 0.99);
  EXPECT_DOUBLE_EQ(probe.good_ratio, 0.98);
  EXPECT_FALSE(probe.kept);
}

TEST(Judge, NothingKeepsNothing) {
  EXPECT_FALSE(Judge({}, kObjective, 0.5).kept);
}

}  // namespace
}  // namespace roberta::series
