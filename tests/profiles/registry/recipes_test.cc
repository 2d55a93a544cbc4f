// The real recipes through the registry, on the demo model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "profiles/registry/registry.h"
#include "tests/test_paths.h"

namespace roberta::registry {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Recipes : public testing::Test {
 protected:
  Recipes()
      : scratch_(testing::TempDir() + "recipes_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(scratch_);
    fs::create_directories(scratch_);
    options_.directory = test_paths::InRepository("models/demo-sst2");
    options_.default_profile = "baseline";
    options_.executors = 2;
    options_.profiles = {{.name = "baseline", .recipe = "baseline"}};
  }
  ~Recipes() override { fs::remove_all(scratch_); }

  /// Another checkpoint of the demo model: its files, linked, but for those that `text_of` gives anew.
  std::string CopyOfModel(const std::string& file = "", const std::string& text = "") {
    for (const char* name : {"config.json", "model.safetensors", "vocab.json", "merges.txt"}) {
      fs::create_symlink(options_.directory + "/" + name, scratch_ + "/" + name);
    }
    if (!file.empty()) {
      fs::remove(scratch_ + "/" + file);
      std::ofstream(scratch_ + "/" + file) << text;
    }
    return scratch_;
  }
  std::string ModelText(const std::string& file) {
    std::ifstream in(options_.directory + "/" + file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  ProfileStatus Load(const ProfileSpec& spec) {
    options_.profiles.push_back(spec);
    registry_ = Registry::Open(options_).value();
    (void)registry_->Load(spec.name);
    return registry_->StatusOf(spec.name).value();
  }

  const std::string scratch_;
  RegistryOptions options_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(Recipes, QuantizedIsMeasuredAgainstABaselineThatIsNotLoaded) {
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  ASSERT_TRUE(status.quality.has_value()) << status.quality_reason;
  EXPECT_EQ(status.quality->examples, 256u);
  EXPECT_GE(status.quality->agreement, 0.98);
  EXPECT_GT(status.quality->mean_abs_dp, 0);
  EXPECT_TRUE(status.quality->accuracy.has_value());
  EXPECT_GT(status.expected_tokens_per_second.value_or(0), 0);
  EXPECT_EQ(registry_->StatusOf("baseline")->state, ProfileState::kUnloaded);
  std::vector<std::string> steps;
  for (const LoadStep& step : status.steps) steps.push_back(step.name);
  EXPECT_THAT(steps, testing::ElementsAre("read checkpoint", "pack weights", "warm-up", "baseline", "sample"));
}

TEST_F(Recipes, BaselineAgreesWithItself) {
  registry_ = Registry::Open(options_).value();
  ASSERT_TRUE(registry_->Load("baseline").ok());
  const ProfileStatus status = registry_->StatusOf("baseline").value();
  EXPECT_EQ(status.quality->agreement, 1);
  EXPECT_EQ(status.quality->max_abs_dp, 0);
  EXPECT_EQ(status.quality->accuracy, status.quality->baseline_accuracy);
}

TEST_F(Recipes, AVariantIsAnEntryOfItsOwn) {
  const ProfileStatus status =
      Load({.name = "pruned-0.95", .recipe = "pruned", .keep_macs = 0.95, .gate = {.min_agreement = 0}});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_EQ(registry_->Get("pruned-0.95")->name, "pruned-0.95");
  EXPECT_NE(status.revision, registry_->checkpoint().revision());
}

TEST_F(Recipes, ACalibrationFileMakesAnotherProfileOfTheSameRecipe) {
  const std::string texts = test_paths::InRepository("models/demo-sst2/sample.tsv");
  const ProfileStatus status = Load({.name = "smooth", .recipe = "quantized", .calibration_file = texts});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  const double smooth = status.quality->mean_abs_dp;
  const ProfileStatus plain = Load({.name = "plain", .recipe = "quantized"});
  EXPECT_LT(smooth, plain.quality->mean_abs_dp);
  EXPECT_NE(status.revision, plain.revision);
}

TEST_F(Recipes, ACalibrationFileThatCannotBeReadFailsTheProfileByName) {
  const ProfileStatus status = Load({.name = "smooth", .recipe = "integrated", .calibration_file = "/no/such.tsv"});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("/no/such.tsv"));
}

TEST_F(Recipes, WhatMissesItsGateIsFailedWithWhatWasMeasured) {
  const ProfileStatus status = Load({.name = "pruned", .recipe = "pruned", .keep_macs = 0.5});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("quality gate: agreement is below 90.00 %"));
  EXPECT_LT(status.quality->agreement, 0.9);
  EXPECT_EQ(registry_->Get("pruned").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Recipes, AGateThatCannotBeMetFailsEvenTheBaseline) {
  const ProfileStatus status = Load({.name = "strict", .recipe = "baseline", .gate = {.min_agreement = 1.01}});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("agreement is below 101.00 %"));
}

TEST_F(Recipes, WithoutASampleAProfileIsReadyAndNotMeasured) {
  options_.directory = CopyOfModel();
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_FALSE(status.quality.has_value());
  EXPECT_THAT(status.quality_reason, HasSubstr("sample.tsv"));
  EXPECT_FALSE(status.expected_tokens_per_second.has_value());
}

TEST_F(Recipes, ASampleThatCannotBeReadIsAnErrorAtOnce) {
  options_.sample_file = "/nonexistent/sample.tsv";
  EXPECT_THAT(std::string(Registry::Open(options_).status().message()), HasSubstr("/nonexistent/sample.tsv"));
  options_.sample_file.clear();
  options_.directory = CopyOfModel("sample.tsv", "label\ttext\nsplendid\tfine\n");
  EXPECT_THAT(std::string(Registry::Open(options_).status().message()), HasSubstr("sample.tsv:2: label \"splendid\""));
}

TEST_F(Recipes, AVariantWithACheckpointOfItsOwn) {
  const ProfileStatus status = Load({.name = "copy", .recipe = "baseline", .directory = CopyOfModel()});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_EQ(status.quality->agreement, 1);
  EXPECT_EQ(status.revision, registry_->checkpoint().revision());  // it computes the same
}

TEST_F(Recipes, ADirectoryThatIsNotThereIsNamed) {
  const ProfileStatus status = Load({.name = "gone", .recipe = "baseline", .directory = "/nonexistent"});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("/nonexistent"));
}

TEST_F(Recipes, ACheckpointOfOtherLabelsIsRefused) {
  std::string config = ModelText("config.json");
  config.replace(config.find("\"0\": \"negative\""), 15, "\"0\": \"terrible\"");
  config.replace(config.find("\"negative\": 0"), 13, "\"terrible\": 0");
  const ProfileStatus status =
      Load({.name = "other", .recipe = "baseline", .directory = CopyOfModel("config.json", config)});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("has labels terrible, positive"));
}

TEST_F(Recipes, ACheckpointOfAnotherVocabularyIsRefused) {
  std::string vocabulary = ModelText("vocab.json");
  const std::string before = "\"#\":7,\"$\":8";
  vocabulary.replace(vocabulary.find(before), before.size(), "\"#\":8,\"$\":7");
  const ProfileStatus status =
      Load({.name = "other", .recipe = "baseline", .directory = CopyOfModel("vocab.json", vocabulary)});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("has another token 7 than the model"));
}

TEST_F(Recipes, SpecsThatMakeNoSenseAreErrors) {
  const auto error_of = [&](std::vector<ProfileSpec> profiles, const std::string& default_profile) {
    RegistryOptions options = options_;
    options.profiles = std::move(profiles);
    options.default_profile = default_profile;
    const absl::Status status = Registry::Open(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error_of({{.name = "a", .recipe = "turbo"}}, "a"), HasSubstr("no recipe \"turbo\""));
  EXPECT_THAT(error_of({{.name = "a", .recipe = "amp"}, {.name = "a", .recipe = "amp"}}, "a"),
              HasSubstr("two of that"));
  EXPECT_THAT(error_of({{.name = "a", .recipe = "amp", .keep_macs = 0.5}}, "a"), HasSubstr("has no keep_macs"));
  EXPECT_THAT(error_of({{.name = "a", .recipe = "amp"}}, "b"), HasSubstr("default profile \"b\""));
}

}  // namespace
}  // namespace roberta::registry
