#include "loadtest/series/ratios.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::series {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

record::RunRecord RunOf(const std::string& profile, int64_t users, int64_t turn, int64_t texts_per_second, int64_t ms) {
  record::RunRecord run;
  run.settings = {.profile = profile, .turn = turn, .loop = "closed", .concurrency = users};
  run.result.classes.resize(1);
  run.result.measured_seconds = 1;
  run.result.items_within = texts_per_second;
  run.result.classes[0].answered_from_intended.Add(ms * 1'000'000);
  return run;
}

TEST(RatiosToBaseline, AreOfRunsOfTheSameTurn) {
  const auto ratios = RatiosToBaseline({RunOf("baseline", 4, 0, 100, 40), RunOf("quantized", 4, 0, 200, 20),
                                        RunOf("baseline", 4, 1, 50, 80), RunOf("quantized", 4, 1, 150, 20),
                                        RunOf("baseline", 4, 2, 100, 40), RunOf("quantized", 4, 2, 210, 20)});
  ASSERT_THAT(ratios, SizeIs(1));
  EXPECT_EQ(ratios[0].profile, "quantized");
  EXPECT_EQ(ratios[0].level, 4);
  ASSERT_TRUE(ratios[0].texts_per_second.has_value());
  EXPECT_DOUBLE_EQ(ratios[0].texts_per_second->low, 2);
  EXPECT_DOUBLE_EQ(ratios[0].texts_per_second->median, 2.1);
  EXPECT_DOUBLE_EQ(ratios[0].texts_per_second->high, 3);
  EXPECT_NEAR(ratios[0].p99->median, 0.5, 0.01);
}

TEST(RatiosToBaseline, EachLoadHasItsOwn) {
  const auto ratios = RatiosToBaseline({RunOf("baseline", 1, 0, 100, 10), RunOf("amp", 1, 0, 110, 10),
                                        RunOf("baseline", 8, 0, 100, 10), RunOf("amp", 8, 0, 150, 10)});
  ASSERT_THAT(ratios, SizeIs(2));
  EXPECT_DOUBLE_EQ(ratios[1].texts_per_second->median, 1.5);
}

TEST(RatiosToBaseline, TheDefaultMayBeTheBaseline) {
  record::RunRecord base = RunOf("", 1, 0, 100, 10);
  base.server.default_profile = "baseline";
  EXPECT_THAT(RatiosToBaseline({base, RunOf("amp", 1, 0, 110, 10)}), SizeIs(1));
}

TEST(RatiosToBaseline, WithoutABaselineThereAreNone) {
  EXPECT_THAT(RatiosToBaseline({RunOf("amp", 1, 0, 110, 10)}), IsEmpty());
  EXPECT_THAT(RatiosToBaseline({RunOf("baseline", 2, 0, 100, 10), RunOf("amp", 1, 0, 110, 10)}), IsEmpty());
}

TEST(RatiosToBaseline, ARunThatBrokeOffDoesNotCount) {
  record::RunRecord broken = RunOf("amp", 1, 1, 10, 10);
  broken.result.end = runner::End::kStopped;
  const auto ratios = RatiosToBaseline(
      {RunOf("baseline", 1, 0, 100, 10), RunOf("amp", 1, 0, 110, 10), RunOf("baseline", 1, 1, 100, 10), broken});
  ASSERT_THAT(ratios, SizeIs(1));
  EXPECT_DOUBLE_EQ(ratios[0].texts_per_second->low, 1.1);
}

TEST(RatiosToBaseline, NoAnswersHaveNoRatio) {
  const auto ratios = RatiosToBaseline({RunOf("baseline", 1, 0, 100, 10), RunOf("amp", 1, 0, 0, 0)});
  ASSERT_THAT(ratios, SizeIs(1));
  EXPECT_FALSE(ratios[0].texts_per_second.has_value());
}

}  // namespace
}  // namespace roberta::series
