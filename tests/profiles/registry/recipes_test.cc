// The real recipes through the registry, on the demo model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "profiles/encoder/calibration.h"
#include "profiles/pruned/pruned.h"
#include "profiles/registry/recipes.h"
#include "profiles/registry/registry.h"
#include "tests/profiles/pruned/save_pruned.h"
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
    options_.directory = test_paths::QuickDemoModel();
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

TEST(BuiltInRecipes, SayInOneSentenceWhatTheyAre) {
  for (const Recipe& recipe : BuiltInRecipes()) {
    EXPECT_THAT(recipe.summary, testing::MatchesRegex("[A-Z][^.]+\\.")) << recipe.name;
    EXPECT_LE(std::string_view(recipe.summary).size(), 100u) << recipe.name;  // a line of a report
  }
}

TEST_F(Recipes, QuantizedIsMeasuredAgainstABaselineThatIsNotLoaded) {
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  ASSERT_TRUE(status.quality.has_value()) << status.quality_reason;
  EXPECT_EQ(status.quality->examples, 64u);
  EXPECT_GE(status.quality->agreement, 0.98);
  EXPECT_GT(status.quality->mean_abs_dp, 0);
  EXPECT_TRUE(status.quality->accuracy.has_value());
  EXPECT_GT(status.expected_tokens_per_second.value_or(0), 0);
  EXPECT_EQ(registry_->StatusOf("baseline")->state, ProfileState::kUnloaded);
  std::vector<std::string> steps;
  for (const LoadStep& step : status.steps) steps.push_back(step.name);
  EXPECT_THAT(steps, testing::ElementsAre("read checkpoint", "read calibration", "pack weights", "warm-up", "baseline",
                                          "sample"));
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
  options_.directory = CopyOfModel();  // which has no calibration stored
  options_.sample_file = texts;
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

/// Stores what one short text says of the checkpoint in `directory`, as if on `revision`; empty: on its own.
void Calibrate(const std::string& directory, const std::string& revision) {
  const auto checkpoint = checkpoint::Checkpoint::Open(directory).value();
  const std::vector<int32_t> ids = {0, 5, 2}, cu_seqlens = {0, 3};
  const encoder::PackedBatch batch = {ids, cu_seqlens};
  const encoder::Calibration calibration = {
      .smoothing = {.inputs = encoder::MeasureInputs(*checkpoint, {}, {&batch, 1}).value()},
      .revision = revision.empty() ? checkpoint->revision() : revision,
      .texts_hash = "0123456789abcdef",
      .texts = 1};
  ASSERT_TRUE(encoder::WriteCalibration(directory, calibration).ok());
}

TEST_F(Recipes, AStoredCalibrationMakesAnotherProfile) {
  options_.directory = CopyOfModel();
  Calibrate(options_.directory, "");
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_NE(status.revision, registry_->checkpoint().revision());
  EXPECT_EQ(status.steps[1].name, "read calibration");
}

TEST_F(Recipes, AStoredCalibrationIsOnlyForRecipesThatAreSmoothed) {
  options_.directory = CopyOfModel();
  Calibrate(options_.directory, "");
  const ProfileStatus status = Load({.name = "amp", .recipe = "amp"});
  EXPECT_EQ(status.revision, registry_->checkpoint().revision());
}

TEST_F(Recipes, ACalibrationFileGoesBeforeAStoredCalibration) {
  const std::string texts = test_paths::InRepository("models/demo-sst2/sample.tsv");
  const std::string expected = Load({.name = "a", .recipe = "quantized", .calibration_file = texts}).revision;
  options_.directory = CopyOfModel();
  Calibrate(options_.directory, "");
  EXPECT_EQ(Load({.name = "b", .recipe = "quantized", .calibration_file = texts}).revision, expected);
}

TEST_F(Recipes, AStoredCalibrationOfAnotherRevisionFailsTheProfile) {
  options_.directory = CopyOfModel();
  Calibrate(options_.directory, "fedcba9876543210");
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr(scratch_ + "/calibration.safetensors: was measured on revision fedcba98"));
  EXPECT_THAT(status.reason, HasSubstr("run roberta-model calibrate again"));
}

TEST_F(Recipes, AStoredCalibrationIsNotForACheckpointThatIsCutAtLoad) {
  options_.directory = CopyOfModel();
  const std::string before = Load({.name = "a", .recipe = "integrated"}).revision;
  Calibrate(options_.directory, "");
  EXPECT_EQ(Load({.name = "b", .recipe = "integrated"}).revision, before);
}

TEST_F(Recipes, WhatMissesItsGateIsFailedWithWhatWasMeasured) {
  const ProfileStatus status = Load({.name = "pruned", .recipe = "pruned", .keep_macs = 0.5});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr("quality gate: agreement is below 90.00 %"));
  EXPECT_LT(status.quality->agreement, 0.9);
  EXPECT_EQ(registry_->Get("pruned").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Recipes, WhatIsNotComparedMissesNoGate) {
  const Model model = OpenModel(options_.directory).value();
  const auto loader = ProfileLoader::WithoutSample(model, BuiltInRecipes());
  const LoadOutcome outcome = loader->Load({.name = "pruned", .recipe = "pruned", .keep_macs = 0.5}, nullptr);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_FALSE(outcome.quality.has_value());
  EXPECT_EQ(outcome.bytes_on_disk, model.checkpoint->bytes_on_disk());
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

TEST_F(Recipes, ASampleThatIsNotThereIsAnErrorAtOnceAndABadLabelCostsTheLabels) {
  options_.sample_file = "/nonexistent/sample.tsv";
  EXPECT_THAT(std::string(Registry::Open(options_).status().message()), HasSubstr("/nonexistent/sample.tsv"));
  options_.sample_file.clear();
  options_.directory = CopyOfModel("sample.tsv", "label\ttext\nsplendid\tfine\n");
  EXPECT_TRUE(Registry::Open(options_).ok());
}

TEST_F(Recipes, AVariantWithACheckpointOfItsOwn) {
  const ProfileStatus status = Load({.name = "copy", .recipe = "baseline", .directory = CopyOfModel()});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_EQ(status.quality->agreement, 1);
  EXPECT_EQ(status.revision, registry_->checkpoint().revision());  // it computes the same
}

/// The demo model in a directory that holds it pruned, too.
class PrunedVariant : public Recipes {
 protected:
  PrunedVariant() {
    const auto dense = checkpoint::Checkpoint::Open(options_.directory).value();
    options_.directory = CopyOfModel();
    const auto mask = pruned::MaskByMagnitude(*dense, 0.95).value();
    EXPECT_TRUE(pruned::SavePruned(*dense, mask, Variant()).ok());
    revision_ = checkpoint::Checkpoint::Open(Variant()).value()->revision();
  }
  std::string Variant() const { return scratch_ + "/pruned"; }

  std::string revision_;  ///< of the pruned checkpoint
};

TEST_F(PrunedVariant, IsWhatPrunedAndIntegratedComputeWith) {
  for (const char* recipe : {"pruned", "integrated"}) {
    const ProfileStatus status = Load({.name = recipe, .recipe = recipe});
    EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
    EXPECT_EQ(status.revision, revision_) << recipe;
  }
}

TEST_F(PrunedVariant, HasACalibrationOfItsOwn) {
  Calibrate(Variant(), "");
  EXPECT_NE(Load({.name = "integrated", .recipe = "integrated"}).revision, revision_);
  EXPECT_EQ(registry_->StatusOf("integrated")->state, ProfileState::kReady);
  const ProfileStatus dense = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(dense.revision, registry_->checkpoint().revision());
}

TEST_F(PrunedVariant, IsNotTakenByARecipeThatDoesNotPrune) {
  const ProfileStatus status = Load({.name = "quantized", .recipe = "quantized"});
  EXPECT_EQ(status.revision, registry_->checkpoint().revision());
}

TEST_F(PrunedVariant, IsNotTakenByAProfileThatSaysHowMuchToKeep) {
  const ProfileStatus status = Load({.name = "cut", .recipe = "pruned", .keep_macs = 0.95});
  EXPECT_EQ(status.state, ProfileState::kReady) << status.reason;
  EXPECT_NE(status.revision, revision_);
}

TEST_F(PrunedVariant, IsNotTakenByAProfileThatNamesADirectory) {
  const std::string dense = test_paths::InRepository("models/demo-sst2");
  const ProfileStatus status = Load({.name = "other", .recipe = "pruned", .directory = dense});
  EXPECT_NE(status.revision, revision_);
}

TEST_F(PrunedVariant, ThatIsBrokenFailsTheProfileByName) {
  std::ofstream(Variant() + "/pruning.json") << "{}";
  const ProfileStatus status = Load({.name = "pruned", .recipe = "pruned"});
  EXPECT_EQ(status.state, ProfileState::kFailed);
  EXPECT_THAT(status.reason, HasSubstr(Variant() + "/pruning.json: field \"format\""));
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
