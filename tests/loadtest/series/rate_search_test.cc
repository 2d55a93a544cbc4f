#include "loadtest/series/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace roberta::loadtest::series {

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
    EXPECT_THAT(ParseObjective(bad).status().message(), HasSubstr(std::string("\"") + bad + "\" is not an objective"))
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

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A server that keeps the objective up to `capacity` requests/s.
struct Model {
  double capacity;
  std::vector<double> tried = {};

  ProbeAt Probing() {
    return [this](double rate) -> absl::StatusOr<Probe> {
      tried.push_back(rate);
      return Probe{.latency_ms = rate <= capacity ? 10.0 : 500.0, .kept = rate <= capacity};
    };
  }
};

double Found(const SearchRange& range, Model* model) {
  const auto rate = FindHighestRate(range, model->Probing());
  EXPECT_TRUE(rate.ok()) << rate.status();
  return rate.value_or(-1);
}

TEST(FindHighestRate, ComesWithinTheResolutionBelowTheCapacity) {
  for (const double capacity : {3.0, 15.9, 16.0, 47.0, 1234.5, 31'000.0}) {
    Model model = {capacity};
    const double found = Found({}, &model);
    EXPECT_LE(found, capacity);
    EXPECT_GE(found, capacity / 1.06) << "three digits more than the resolution";
    EXPECT_LE(model.tried.size(), 20u);
  }
}

TEST(FindHighestRate, GoesUpByDoublingUntilOneIsTooHigh) {
  Model model = {100};
  Found({}, &model);
  EXPECT_EQ(std::vector(model.tried.begin(), model.tried.begin() + 4), (std::vector<double>{16, 32, 64, 128}));
}

TEST(FindHighestRate, BelowTheLowestThereIsNone) {
  Model model = {4};
  EXPECT_EQ(Found({.lowest = 5, .start = 16}, &model), 0);
  EXPECT_EQ(model.tried.back(), 5);
}

TEST(FindHighestRate, AboveTheHighestThatIsIt) {
  Model model = {1e9};
  EXPECT_EQ(Found({.highest = 1000, .start = 16}, &model), 1000);
  EXPECT_EQ(std::count(model.tried.begin(), model.tried.end(), 1000), 1);
}

TEST(FindHighestRate, AStartBeyondTheRangeIsItsEnd) {
  Model model = {150};
  EXPECT_GE(Found({.lowest = 100, .highest = 200, .start = 1}, &model), 140);
  EXPECT_EQ(model.tried.front(), 100);
}

TEST(FindHighestRate, ARangeOfOneRateIsTriedOnce) {
  Model model = {150};
  EXPECT_EQ(Found({.lowest = 100, .highest = 100}, &model), 100);
  EXPECT_THAT(model.tried, ElementsAre(100));
}

TEST(FindHighestRate, RatesHaveThreeDigits) {
  Model model = {1234.5};
  Found({.resolution = 1.0001}, &model);
  for (const double rate : model.tried) {
    const double unit = std::pow(10, std::floor(std::log10(rate)) - 2);
    EXPECT_NEAR(rate / unit, std::round(rate / unit), 1e-6) << rate;
  }
}

TEST(FindHighestRate, AProbeThatFailsEndsIt) {
  int tried = 0;
  const auto rate = FindHighestRate({}, [&](double) -> absl::StatusOr<Probe> {
    if (++tried == 3) return absl::CancelledError("stopped");
    return Probe{.kept = true};
  });
  EXPECT_TRUE(absl::IsCancelled(rate.status()));
  EXPECT_EQ(tried, 3);
}

// A probe near the capacity may go either way: the more so, the nearer it is.
TEST(SearchRates, UnderNoiseTheMedianIsNearTheCapacity) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 0.05);
  const auto probe = [&](const std::string&, int64_t, double rate) -> absl::StatusOr<Probe> {
    return Probe{.kept = rate <= 400 * (1 + noise(random))};
  };
  const auto searches = SearchRates({.repeats = 21}, {"a"}, probe);
  ASSERT_THAT(searches.at(0).found, SizeIs(21));
  std::vector<double> found = searches[0].found;
  std::sort(found.begin(), found.end());
  EXPECT_NEAR(found[10], 400, 40);
}

TEST(SearchRates, ProfilesTakeTurns) {
  std::map<std::string, double> capacity = {{"slow", 50}, {"fast", 200}};
  std::vector<std::string> order;
  const auto searches =
      SearchRates({.objective = {0.95, 40}, .least_good_ratio = 0.98, .repeats = 2}, {"slow", "fast"},
                  [&](const std::string& profile, int64_t repeat, double rate) -> absl::StatusOr<Probe> {
                    const std::string part = profile + std::to_string(repeat);
                    if (order.empty() || order.back() != part) order.push_back(part);
                    return Probe{.latency_ms = 39, .good_ratio = 0.99, .kept = rate <= capacity[profile]};
                  });
  EXPECT_THAT(order, ElementsAre("slow0", "fast0", "slow1", "fast1"));
  ASSERT_THAT(searches, SizeIs(2));
  EXPECT_EQ(searches[1].profile, "fast");
  EXPECT_EQ(searches[1].quantile, 0.95);
  EXPECT_EQ(searches[1].objective_ms, 40);
  EXPECT_EQ(searches[1].least_good_ratio, 0.98);
  EXPECT_THAT(searches[1].missing, IsEmpty());
  for (const double found : searches[1].found) EXPECT_NEAR(found, 200, 11);
  EXPECT_EQ(searches[0].steps.front().rate, 16);
  EXPECT_EQ(searches[0].steps.front().latency_ms, 39);
  EXPECT_EQ(searches[0].steps.back().repeat, 1);
}

TEST(SearchRates, ALaterRepeatBeginsWhereTheFirstOneEnded) {
  Model model = {5000};
  const auto searches = SearchRates({.repeats = 2}, {"a"},
                                    [&](const std::string&, int64_t, double rate) { return model.Probing()(rate); });
  size_t first = 0, second = 0;
  for (const auto& step : searches.at(0).steps) ++(step.repeat == 0 ? first : second);
  EXPECT_LT(second, first);
  EXPECT_NEAR(searches[0].found.at(1), 5000, 300);
}

TEST(SearchRates, AStopKeepsWhatWasFoundAndSaysSo) {
  int tried = 0;
  Model model = {100};
  const auto probe = [&](const std::string&, int64_t repeat, double rate) -> absl::StatusOr<Probe> {
    if (repeat == 1 && ++tried == 2) return absl::CancelledError("stopped");
    return model.Probing()(rate);
  };
  const auto searches = SearchRates({.repeats = 3}, {"a", "b"}, probe);
  EXPECT_THAT(searches.at(0).found, SizeIs(1));
  EXPECT_THAT(searches.at(1).found, SizeIs(1));
  EXPECT_EQ(searches[0].steps.back().repeat, 1) << "the step of the repeat that was not ended";
  for (const auto& search : searches) EXPECT_EQ(search.missing, "1 of 3 repeats were made: stopped");
}

}  // namespace

}  // namespace roberta::loadtest::series
