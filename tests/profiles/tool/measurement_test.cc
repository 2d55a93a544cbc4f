#include "profiles/tool/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/profiles/registry/puppet_recipes.h"
#include "tests/test_paths.h"

namespace roberta::tool {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Notes its name whenever it runs a text alone, and fails from its `good_runs`-th run on.
class Diarist final : public encoder::Profile {
 public:
  Diarist(std::string name, std::vector<std::string>* diary, int good_runs)
      : name_(std::move(name)), diary_(*diary), good_runs_(good_runs) {}

  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float>) const override {
    if (batch.sequences() == 1 && (diary_.empty() || diary_.back() != name_)) diary_.push_back(name_);
    return good_runs_-- > 0 ? absl::OkStatus() : absl::InternalError("tired");
  }
  const encoder::ProfileDescription& description() const override { return description_; }

 private:
  const std::string name_;
  std::vector<std::string>& diary_;
  mutable int good_runs_;
  encoder::ProfileDescription description_;
};

class MeasurementTest : public testing::Test {
 protected:
  registry::Recipe DiaristRecipe(const std::string& name, int good_runs = 1000) {
    registry::Recipe recipe;
    recipe.name = name;
    recipe.load = [=, this](const checkpoint::Checkpoint&, const registry::RecipeSettings&) -> registry::LoadedRecipe {
      return std::make_unique<Diarist>(name, &diary_, good_runs);
    };
    return recipe;
  }

  std::vector<Measurement> Run(const std::vector<registry::Recipe>& recipes, size_t rounds) {
    std::vector<std::string> names;
    for (const registry::Recipe& recipe : recipes) names.push_back(recipe.name);
    terminal::ProgressBar progress(stderr, terminal::Display::kNone);
    return Measure(model_, texts_, names, {.rounds = rounds, .threads = 1}, recipes, &progress);
  }

  const registry::Model model_ = registry::OpenModel(test_paths::InRepository("models/demo-sst2")).value();
  const quality::TokenizedSample texts_ = {.token_ids = {0, 9, 2, 0, 7, 8, 2}, .lengths = {3, 4}};
  std::vector<std::string> diary_;
};

TEST_F(MeasurementTest, RoundsAlternateBetweenProfilesAndTheOrderMovesOn) {
  Run({DiaristRecipe("a"), DiaristRecipe("b"), DiaristRecipe("c")}, 2);
  // Loading warms each up; then a round in order, and one that begins with the second.
  EXPECT_THAT(diary_, ElementsAre("a", "b", "c", "a", "b", "c", "b", "c", "a"));
}

TEST_F(MeasurementTest, EveryRoundCounts) {
  const auto measurements = Run({DiaristRecipe("a")}, 3);
  ASSERT_THAT(measurements, SizeIs(1));
  EXPECT_THAT(measurements[0].rounds, SizeIs(3));
  for (const Round& round : measurements[0].rounds) {
    EXPECT_GT(round.latency_p50_ms, 0);
    EXPECT_GE(round.latency_p95_ms, round.latency_p50_ms);
    EXPECT_NEAR(round.tokens_per_second / round.texts_per_second, 3.5, 1e-9);
  }
}

TEST_F(MeasurementTest, OneThatFailsDoesNotStopTheOthers) {
  const auto broken = registry::PuppetRecipe("broken", 0, [] { return absl::InternalError("no, thanks"); });
  const auto measurements = Run({broken, DiaristRecipe("tired", 8), DiaristRecipe("a")}, 3);
  EXPECT_EQ(measurements[0].status, absl::InternalError("no, thanks"));
  EXPECT_EQ(measurements[1].status, absl::InternalError("tired"));
  EXPECT_TRUE(measurements[2].status.ok());
  EXPECT_THAT(measurements[2].rounds, SizeIs(3));
}

Measurement Measured(const std::string& name, const std::vector<Round>& rounds) {
  Measurement measurement;
  measurement.name = name;
  measurement.rounds = rounds;
  return measurement;
}

TEST(SpeedupOf, IsTheMedianOfTheRatiosOfEachRound) {
  // The host is ten times as slow in the second round, for both.
  const Measurement before = Measured("before", {{4, 4, 10, 100}, {40, 40, 1, 10}, {4, 4, 10, 100}});
  const Measurement after = Measured("after", {{2, 2, 30, 300}, {20, 20, 3, 30}, {1, 1, 30, 300}});
  const Speedup speedup = SpeedupOf(after, before);
  EXPECT_EQ(speedup.latency.median, 2);
  EXPECT_EQ(speedup.latency.low, 2);
  EXPECT_EQ(speedup.latency.high, 4);
  EXPECT_EQ(speedup.throughput.median, 3);
}

TEST(MeasurementReport, WhatFailedHasItsReasonAndIsComparedWithNothing) {
  Measurement failed = Measured("baseline", {});
  failed.status = absl::InternalError("tired");
  const std::vector<Measurement> measurements = {failed, Measured("amp", {{1, 2, 3, 4}})};
  const auto json = ToJson(measurements, {"baseline"});
  EXPECT_EQ(json[0]["status"], "failed");
  EXPECT_EQ(json[0]["reason"], "tired");
  EXPECT_TRUE(json[0]["latency_p50_ms"].is_null());
  EXPECT_EQ(json[1]["latency_p50_ms"]["median"], 1.0);
  EXPECT_TRUE(json[1]["speedup"].empty());
  EXPECT_THAT(MeasurementText(measurements, {"baseline"}), HasSubstr("\nbaseline: tired\n"));
}

}  // namespace
}  // namespace roberta::tool
