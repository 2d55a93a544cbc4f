#include "loadtest/console/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "loadtest/series/series.h"

namespace roberta::loadtest::console {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

SuiteOptions Quick() {
  SuiteOptions options;
  options.quick = true;
  options.run.server.spawn = "model";
  options.run.server.config = "execution { executors: 1 }";
  return options;
}

TEST(SuitePlan, TheComparisonGoesFromOneUserToManyInTurns) {
  for (const bool quick : {false, true}) {
    SuiteOptions options = Quick();
    options.quick = quick;
    const Stage stage = ComparisonStage(options);
    EXPECT_THAT(stage.run.profiles, ElementsAre("all"));
    EXPECT_EQ(LevelsOf(stage.run).front(), 1);
    EXPECT_GT(LevelsOf(stage.run).back(), 8);
    EXPECT_GE(stage.run.turns, 2) << "ratios want an interval";
    EXPECT_EQ(Contradiction(stage.run), "");
    EXPECT_EQ(RunsOf(stage, 5), 5 * LevelsOf(stage.run).size() * static_cast<size_t>(stage.run.turns));
  }
}

TEST(SuitePlan, EveryWayOfDataLoadingIsComparedWithAnother) {
  std::map<std::string, std::set<std::string>> values_of_key;
  for (const Stage& stage : LoadingStages(Quick(), "amp")) {
    EXPECT_THAT(stage.run.server.config, HasSubstr("execution { executors: 1 }"));
    EXPECT_EQ(RunsOf(stage, 0), stage.run.profiles.size() * 2);
    for (const std::string& profile : stage.run.profiles) {
      EXPECT_THAT(stage.run.server.config, HasSubstr("name: \"" + profile + "\" recipe: \"amp\""));
      const Stage::Meaning& meaning = stage.meanings.at(profile);
      EXPECT_EQ(meaning.profile, "amp");
      for (const std::string& variant : meaning.variants) {
        const size_t blank = variant.rfind(' ');
        values_of_key[variant.substr(0, blank)].insert(variant.substr(blank + 1));
      }
    }
  }
  EXPECT_EQ(values_of_key, (std::map<std::string, std::set<std::string>>{{"strategy", {"packed", "bucketed", "padded"}},
                                                                         {"token budget", {"512", "2048", "8192"}},
                                                                         {"prefetch", {"off", "on"}},
                                                                         {"tokenizer workers", {"1", "2"}}}));
}

TEST(SuitePlan, ARunStandsForEverythingThatItMeans) {
  const Stage stage = LoadingStages(Quick(), "quantized").front();
  record::RunRecord packed, padded, other;
  packed.settings.profile = "packed";
  packed.settings.turn = 1;
  padded.settings.profile = "padded";
  other.settings.profile = "something else";
  const auto runs = InTermsOf(stage, {packed, padded, other});
  std::vector<std::string> variants;
  for (const auto& run : runs) variants.push_back(run.settings.profile + ": " + run.settings.variant);
  EXPECT_THAT(variants, ElementsAre("quantized: strategy packed", "quantized: token budget 2048",
                                    "quantized: prefetch off", "quantized: strategy padded", "something else: "));
  EXPECT_EQ(runs[1].settings.turn, 1);
}

TEST(SuitePlan, DataLoadingIsLookedAtWhereItMatters) {
  record::ServerDescription server;
  EXPECT_EQ(RecipeForLoading(server), "");
  server.profiles = {{.name = "quantized", .state = "FAILED"}, {.name = "amp", .state = "READY"}};
  EXPECT_EQ(RecipeForLoading(server), "amp");
  server.profiles.push_back({.name = "baseline", .state = "READY"});
  EXPECT_EQ(RecipeForLoading(server), "baseline");
  server.profiles[0].state = "READY";
  EXPECT_EQ(RecipeForLoading(server), "quantized");
}

TEST(SuitePlan, TheLastCoreIsThisPrograms) {
  EXPECT_EQ(SplitCores({0, 2, 5}).server, "0,2");
  EXPECT_EQ(SplitCores({0, 2, 5}).client, 5);
  EXPECT_EQ(SplitCores({3}).client, -1);
  EXPECT_THAT(SplitCores({}).server, IsEmpty());
}

TEST(ConfigText, ReadsTextProtoFilesAndNoOthers) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "suite_config";
  std::ofstream(file) << "execution { executors: 2 }";
  EXPECT_EQ(*ConfigText(file), "execution { executors: 2 }");
  EXPECT_EQ(*ConfigText("limits { }"), "limits { }");
  EXPECT_EQ(*ConfigText(""), "");
  std::ofstream(file) << "  {\"execution\": {}}";
  EXPECT_THAT(std::string(ConfigText(file).status().message()), HasSubstr("suite_config: is JSON"));
  EXPECT_EQ(ConfigText("no/such/file").status().message(), "no/such/file: cannot read: No such file or directory");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace roberta::loadtest::console
