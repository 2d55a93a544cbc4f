#include "server/config/profile_entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "server/config/server_config.h"

namespace roberta::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<KnownRecipe> kRecipes = {{"baseline", false},  {"quantized", false, true},
                                           {"pruned", true},     {"amp", false},
                                           {"integrated", true}, {"reference", false, false, false, true}};

ServerConfig Completed(std::string_view text, const std::vector<std::string>& only = {},
                       const std::optional<std::string>& default_profile = std::nullopt) {
  ServerConfig config = ParseConfig(text, Format::kTextProto, "test").value();
  CompleteProfiles(only, default_profile, kRecipes, &config);
  return config;
}

std::vector<std::string> Loaded(const ServerConfig& config) {
  std::vector<std::string> names;
  for (const Profile& profile : config.profiles()) {
    if (profile.load()) names.push_back(profile.name());
  }
  return names;
}

std::string ErrorOf(std::string_view text, const std::vector<std::string>& only = {}) {
  const absl::Status status = CheckProfiles(Completed(text, only), kRecipes);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(status.message());
}

TEST(CompleteProfiles, WithoutEntriesAllAreLoadedButTheReference) {
  const ServerConfig config = Completed("");
  EXPECT_TRUE(CheckProfiles(config, kRecipes).ok()) << CheckProfiles(config, kRecipes);
  EXPECT_THAT(Loaded(config), ElementsAre("baseline", "quantized", "pruned", "amp", "integrated"));
  EXPECT_EQ(config.profiles(5).name(), "reference");
  EXPECT_EQ(config.default_profile(), "baseline");
}

TEST(CompleteProfiles, OnlyWhatIsAskedForIsLoadedAndTheRestStaysKnown) {
  const ServerConfig config = Completed("", {"amp", "reference"});
  EXPECT_THAT(Loaded(config), ElementsAre("amp", "reference"));
  EXPECT_EQ(config.profiles_size(), 6);
  EXPECT_EQ(config.default_profile(), "amp");
}

TEST(CompleteProfiles, OnlyCanNameVariantsAndRecipesWithoutAnEntry) {
  const ServerConfig config =
      Completed("profiles { name: 'small' recipe: 'pruned' } profiles { name: 'amp' }", {"baseline", "small"});
  EXPECT_TRUE(CheckProfiles(config, kRecipes).ok());
  EXPECT_THAT(Loaded(config), ElementsAre("small", "baseline"));
  EXPECT_EQ(config.default_profile(), "baseline");
}

TEST(CompleteProfiles, ADefaultThatIsStillLoadedStays) {
  const std::string_view text = "profiles { name: 'amp' } profiles { name: 'baseline' } default_profile: 'baseline'";
  EXPECT_EQ(Completed(text, {"amp", "baseline"}).default_profile(), "baseline");
  EXPECT_EQ(Completed(text, {"amp"}).default_profile(), "amp");
  EXPECT_EQ(Completed(text, {"amp", "baseline"}, "amp").default_profile(), "amp");
}

TEST(CompleteProfiles, TheFirstThatIsLoadedIsTheDefault) {
  EXPECT_EQ(Completed("profiles { name: 'amp' load: false } profiles { name: 'baseline' }").default_profile(),
            "baseline");
}

TEST(CheckProfiles, AcceptsAVariantWithEveryField) {
  const ServerConfig config = Completed(
      "profiles { name: 'pruned-0.8_v2' recipe: 'pruned' directory: 'd' keep_macs: 0.8 load: true "
      "gate { min_agreement: 0 max_mean_abs_dp: 0.5 max_accuracy_drop_points: 3 } }");
  EXPECT_TRUE(CheckProfiles(config, kRecipes).ok()) << CheckProfiles(config, kRecipes);
}

TEST(CheckProfiles, RefusesNamesThatNoRequestCouldGive) {
  for (const char* name : {"", "auto", "a b", "a/b", "\\xff", "\\303\\251", "a\\nb"}) {
    EXPECT_THAT(ErrorOf(std::string("profiles { recipe: 'amp' name: '") + name + "' }"),
                HasSubstr("profiles[0].name is \""));
  }
  EXPECT_THAT(ErrorOf("profiles { recipe: 'amp' name: '" + std::string(65, 'x') + "' }"), HasSubstr("1 to 64 of"));
}

TEST(CheckProfiles, RefusesARecipeNobodyKnowsWithTheList) {
  EXPECT_THAT(ErrorOf("profiles { name: 'fast' recipe: 'turbo' }"),
              HasSubstr("profiles[0].recipe is \"turbo\"; it must be one of baseline, quantized, pruned"));
  EXPECT_THAT(ErrorOf("", {"turbo"}), HasSubstr("profiles[6].name, which has no recipe of its own, is \"turbo\""));
}

TEST(CheckProfiles, RefusesANameTwice) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' } profiles { name: 'amp' }"),
              HasSubstr("profiles[1].name is \"amp\" again"));
}

TEST(CheckProfiles, RefusesADefaultThatIsNotLoaded) {
  EXPECT_THAT(ErrorOf("default_profile: 'reference'"),
              HasSubstr("default_profile is \"reference\"; it must be one of"));
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' load: false }"), HasSubstr("default_profile"));
}

TEST(CheckProfiles, CalibrationIsForRecipesThatAreSmoothed) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' calibration_file: 't.tsv' }"),
              HasSubstr("profiles[0].calibration_file is \"t.tsv\"; it must be absent: recipe amp is not smoothed"));
  EXPECT_TRUE(CheckProfiles(Completed("profiles { name: 'quantized' calibration_file: 't.tsv' }"), kRecipes).ok());
}

TEST(CheckProfiles, KeepMacsIsForRecipesThatPrune) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' keep_macs: 0.5 }"),
              HasSubstr("profiles[0].keep_macs is 0.5; it must be absent: recipe amp does not prune"));
  for (const char* value : {"0", "1.5", "-1", "nan"}) {
    EXPECT_THAT(ErrorOf(std::string("profiles { name: 'pruned' keep_macs: ") + value + " }"),
                HasSubstr("profiles[0].keep_macs is"));
  }
}

TEST(CheckProfiles, AcceptsEveryWayOfLoadingBatches) {
  for (const char* strategy : {"padded", "bucketed", "packed"}) {
    const std::string text = std::string("profiles { name: 'amp' data_loading { strategy: '") + strategy +
                             "' max_batch_tokens: 512 prefetch: true } }";
    EXPECT_TRUE(CheckProfiles(Completed(text), kRecipes).ok()) << strategy;
  }
}

TEST(CheckProfiles, RefusesAWayOfLoadingNobodyKnowsWithTheList) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' data_loading { strategy: 'sorted' } }"),
              HasSubstr("profiles[0].data_loading.strategy is \"sorted\"; it must be one of padded, bucketed, packed"));
}

TEST(CheckProfiles, RefusesABatchOfNoTokens) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' data_loading { max_batch_tokens: 0 } }"),
              HasSubstr("profiles[0].data_loading.max_batch_tokens is 0; it must be between 1 and 1048576"));
}

TEST(CheckProfiles, RefusesLimitsThatMakeNoSense) {
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' gate { min_agreement: 1.01 } }"),
              HasSubstr("profiles[0].gate.min_agreement is 1.01; it must be between 0 and 1"));
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' gate { max_mean_abs_dp: nan } }"), HasSubstr("max_mean_abs_dp is nan"));
  EXPECT_THAT(ErrorOf("profiles { name: 'amp' gate { max_accuracy_drop_points: -1 } }"),
              HasSubstr("max_accuracy_drop_points is -1"));
}

}  // namespace
}  // namespace roberta::config
