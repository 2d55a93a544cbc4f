#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/server_config.h"

namespace roberta::config {
namespace {

using ::testing::HasSubstr;

const std::vector<KnownRecipe> kRecipes = {{"baseline"}, {"quantized"},  {"pruned"},
                                           {"amp"},      {"integrated"}, {"reference", false, false, false, true}};

/// The verdict on a config of the usual profiles with the two entries as `text` has them.
absl::Status Verdict(const std::string& text) {
  ServerConfig config = ParseConfig(text, Format::kTextProto, "test").value();
  CompleteConfig({.model_directory = "m"}, 2, kRecipes, &config);
  return ValidateConfig(config, kRecipes);
}

std::string ErrorOf(const std::string& text) {
  const absl::Status status = Verdict(text);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(PressureEntries, BothAreOffByDefault) {
  ServerConfig config;
  CompleteConfig({.model_directory = "m"}, 2, kRecipes, &config);
  EXPECT_FALSE(config.brown_out().enabled());
  EXPECT_EQ(config.shadow().fraction(), 0);
  EXPECT_TRUE(Verdict("").ok()) << Verdict("");
}

TEST(PressureEntries, AcceptsEveryField) {
  const std::string text = R"(
      brown_out { enabled: true ladder: "quantized" ladder: "integrated" step_down_at_ms: 2 step_down_after_ms: 3
                  step_up_at_ms: 1 step_up_after_ms: 3 }
      shadow { profile: "reference" fraction: 1 max_items_in_flight: 1 })";
  EXPECT_TRUE(Verdict(text).ok()) << Verdict(text);
}

TEST(PressureEntries, WhatTheFileSaysStays) {
  ServerConfig config;
  config.mutable_brown_out()->set_step_up_at_ms(0);
  config.mutable_shadow()->set_max_items_in_flight(7);
  CompleteConfig({.model_directory = "m"}, 2, kRecipes, &config);
  EXPECT_EQ(config.brown_out().step_up_at_ms(), 0u);
  EXPECT_EQ(config.shadow().max_items_in_flight(), 7u);
}

TEST(CheckBrownOut, RefusesALadderOfProfilesThatNobodyKnows) {
  EXPECT_THAT(ErrorOf("brown_out { enabled: true ladder: 'quantized' ladder: 'tiny' }"),
              HasSubstr("brown_out.ladder[1] is \"tiny\"; it must be one of baseline, quantized"));
  EXPECT_THAT(ErrorOf("brown_out { ladder: 'tiny' }"), HasSubstr("brown_out.ladder[0] is \"tiny\""));
}

TEST(CheckBrownOut, RefusesAStepTwice) {
  EXPECT_THAT(ErrorOf("brown_out { ladder: 'amp' ladder: 'amp' }"),
              HasSubstr("brown_out.ladder[1] is \"amp\" again; it must be named once"));
}

TEST(CheckBrownOut, WithoutALadderItCannotBeOn) {
  EXPECT_THAT(ErrorOf("brown_out { enabled: true }"), HasSubstr("brown_out.ladder is empty"));
}

TEST(CheckBrownOut, RefusesThresholdsOutOfOrder) {
  EXPECT_THAT(ErrorOf("brown_out { step_down_at_ms: 100 step_up_at_ms: 100 }"),
              HasSubstr("brown_out.step_up_at_ms is 100; it must be less than step_down_at_ms, 100"));
}

TEST(CheckBrownOut, RefusesToGoUpFasterThanDown) {
  EXPECT_THAT(ErrorOf("brown_out { step_down_after_ms: 2000 step_up_after_ms: 1999 }"),
              HasSubstr("brown_out.step_up_after_ms is 1999; it must be at least step_down_after_ms, 2000"));
}

TEST(CheckBrownOut, RefusesTimesOutOfRange) {
  for (const char* field : {"step_down_at_ms", "step_down_after_ms", "step_up_after_ms"}) {
    EXPECT_THAT(ErrorOf(std::string("brown_out { ") + field + ": 0 }"),
                HasSubstr(std::string("brown_out.") + field + " is 0"));
  }
  EXPECT_THAT(ErrorOf("brown_out { step_up_at_ms: 3600001 }"), HasSubstr("brown_out.step_up_at_ms is 3600001"));
}

TEST(CheckShadow, RefusesAProfileThatNobodyKnows) {
  EXPECT_THAT(ErrorOf("shadow { profile: 'tiny' }"), HasSubstr("shadow.profile is \"tiny\"; it must be one of"));
}

TEST(CheckShadow, RefusesAFractionOfNothing) {
  EXPECT_THAT(ErrorOf("shadow { fraction: 0.5 }"), HasSubstr("shadow.profile is \"\"; it must be one of"));
}

TEST(CheckShadow, RefusesAFractionThatIsNone) {
  for (const char* fraction : {"-0.1", "1.1", "nan"}) {
    EXPECT_THAT(ErrorOf(std::string("shadow { profile: 'amp' fraction: ") + fraction + " }"),
                HasSubstr(std::string("shadow.fraction is ") + fraction + "; it must be between 0 and 1"));
  }
}

TEST(CheckShadow, RefusesToLetNothingWait) {
  EXPECT_THAT(ErrorOf("shadow { profile: 'amp' max_items_in_flight: 0 }"),
              HasSubstr("shadow.max_items_in_flight is 0"));
}

}  // namespace
}  // namespace roberta::config
