#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/calibration.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/profiles/tool/tool_process.h"
#include "tests/test_paths.h"

namespace roberta {
namespace {

using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;
using tool_process::DemoModel;
using tool_process::LinkDemoModel;
using tool_process::RunTool;

json JsonReport(const std::string& directory) {
  const json report = json::parse(RunTool("inspect --json " + directory).output, nullptr, false);
  EXPECT_TRUE(report.is_object());
  return report;
}

std::string ReportOfBroken(const ScratchDirectory& scratch) {
  const auto result = RunTool("inspect " + ShellWord(scratch.path()));
  EXPECT_EQ(result.exit_code, 1);
  return result.output;
}

TEST(Inspect, SoundCheckpointExitsWithZero) {
  const auto result = RunTool("inspect " + DemoModel());
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.errors, IsEmpty());
}

TEST(Inspect, ReportHasAFactALine) {
  EXPECT_THAT(
      RunTool("inspect " + DemoModel()).output,
      AllOf(HasSubstr("demo-sst2: sound\n"),
            HasSubstr("\n  Labels             0  negative\n                     1  positive\n"),
            HasSubstr("\n  Attention heads    12 of size 32\n"), HasSubstr("\n  Maximum tokens     512\n"),
            HasSubstr("\n  Parameters         15,712,514\n"), HasSubstr("\n  Data types         F16 in 105 tensors\n"),
            HasSubstr("\n  Unused tensors     none\n"), HasSubstr("\n  Weights on disk    31,437,340 bytes\n")));
}

TEST(Inspect, JsonReportHasTheFacts) {
  const json report = JsonReport(DemoModel());
  EXPECT_EQ(report["sound"], true);
  EXPECT_THAT(report["problems"], IsEmpty());
  EXPECT_EQ(report["model_type"], "roberta");
  EXPECT_EQ(report["problem_type"], "single_label_classification");
  EXPECT_THAT(report["labels"], ElementsAre("negative", "positive"));
  EXPECT_EQ(report["hidden_size"], 384);
  EXPECT_EQ(report["num_hidden_layers"], 6);
  EXPECT_EQ(report["max_tokens"], 512);
  EXPECT_EQ(report["vocabulary_tokens"], 12288);
  EXPECT_EQ(report["parameters"], 15712514);
  EXPECT_EQ(report["dtypes"], json({{"F16", 105}}));
  EXPECT_EQ(report["bytes_on_disk"], 31437340);
}

TEST(Inspect, RevisionIsTheSameInEveryProcess) {
  const json revision = JsonReport(DemoModel())["revision"];
  EXPECT_THAT(revision.get<std::string>(), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(JsonReport(DemoModel())["revision"], revision);
}

TEST(Inspect, EveryProblemIsListed) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"num_hidden_layers", 9}, {"intermediate_size", 1000}});
  const std::string report = ReportOfBroken(scratch);
  EXPECT_THAT(report,
              StartsWith(scratch.path() + ": 66 problems\n"));  // 3 layers too few, 6 with 3 tensors of another shape
  for (int layer = 0; layer < 6; ++layer) {
    EXPECT_THAT(report, HasSubstr("layer." + std::to_string(layer) +
                                  ".output.dense.weight\" has shape [384, 1536]; config.json makes it [384, 1000]\n"));
  }
  for (int layer = 6; layer < 9; ++layer) {
    EXPECT_THAT(report, HasSubstr("layer." + std::to_string(layer) + ".attention.self.key.bias\" [384] is missing\n"));
  }
}

TEST(Inspect, JsonReportListsEveryProblemWithItsFile) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"num_hidden_layers", 9}});
  const json report = JsonReport(ShellWord(scratch.path()));
  EXPECT_EQ(report["sound"], false);
  EXPECT_THAT(report["problems"], SizeIs(48));
  EXPECT_EQ(report["problems"][0]["file"], scratch.In("model.safetensors"));
}

TEST(Inspect, ProblemsOfConfigAndVocabularyAreToldTogether) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"hidden_act", "prelu"}, {"hidden_size", "x"}});
  std::filesystem::remove(scratch.In("vocab.json"));
  EXPECT_THAT(
      ReportOfBroken(scratch),
      AllOf(HasSubstr("config.json: field \"hidden_act\" is \"prelu\"; supported: gelu, "),
            HasSubstr("config.json: field \"hidden_size\" is \"x\"; it must be an integer"), HasSubstr("vocab.json")));
}

TEST(Inspect, VocabularyLargerThanTheEmbeddingsIsAProblem) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, json::object());
  std::filesystem::remove(scratch.In("model.safetensors"));
  const json config = checkpoint_fixture::TinyConfig();
  checkpoint_fixture::WriteCheckpoint(scratch.path(), config, checkpoint_fixture::MakeTensors(config));
  EXPECT_THAT(ReportOfBroken(scratch),
              HasSubstr("config.json: field \"vocab_size\" is 11, but token \"Ġimmature\" has id 12287"));
}

TEST(Inspect, UnusedTensorsAreNamed) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, json::object());
  std::filesystem::remove(scratch.In("model.safetensors"));
  json config = checkpoint_fixture::TinyConfig();
  config["vocab_size"] = 12288;
  auto tensors = checkpoint_fixture::MakeTensors(config);
  tensors.push_back(
      checkpoint_fixture::MakeTensor("roberta.embeddings.position_ids", {1, 8}, checkpoint::Dtype::kI64, 1));
  checkpoint_fixture::WriteCheckpoint(scratch.path(), config, tensors);
  const auto result = RunTool("inspect " + ShellWord(scratch.path()));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("\n  Unused tensors     roberta.embeddings.position_ids I64 [1, 8]\n"));
}

TEST(Inspect, TheSampleIsReadAsAServerReadsIt) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"problem_type", "regression"}});
  EXPECT_EQ(JsonReport(DemoModel())["sample"], "256 texts with labels");
  const std::string sample = scratch.In("sample.tsv");
  std::filesystem::remove(sample);
  EXPECT_EQ(JsonReport(ShellWord(scratch.path()))["sample"], "");
  checkpoint_fixture::WriteFile(sample, "text\tlabel\nfine\t1\n");
  EXPECT_THAT(RunTool("inspect " + ShellWord(scratch.path())).output,
              HasSubstr("\n  Sample             1 texts: " + sample + ":2: column label: a text has one label"));
  checkpoint_fixture::WriteFile(sample, "txt\nfine\n");
  EXPECT_THAT(ReportOfBroken(scratch), HasSubstr("sample.tsv:1: the header names no column \"text\""));
}

TEST(Inspect, MacsAndTheWeightOfEachProfileAreTold) {
  const json report = JsonReport(DemoModel());
  EXPECT_EQ(report["macs_per_token"], 10616832);
  EXPECT_EQ(report["attention_macs_per_token_and_length"], 4608);
  std::map<std::string, int64_t> weights;
  for (const json& profile : report["profiles"]) weights[profile["name"]] = profile["weight_bytes"];
  EXPECT_EQ(weights["baseline"], 53412872);
  EXPECT_LT(weights["integrated"], weights["quantized"]);
  EXPECT_THAT(RunTool("inspect " + DemoModel()).output,
              AllOf(HasSubstr("\n  MACs per token     10,616,832 in linear layers, 4,608 in attention for each token"),
                    HasSubstr("\n  Weights in memory  baseline    53,412,872 bytes\n"),
                    HasSubstr("\n  Calibration        alpha 0.50, measured on ")));
}

/// The demo model in a directory that holds it pruned, too.
class InspectVariant : public testing::Test {
 protected:
  InspectVariant() {
    LinkDemoModel(scratch_, json::object());
    const auto demo = checkpoint::Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value();
    auto mask = pruned::MaskByMagnitude(*demo, 0.5).value();
    mask[1] = {{2, 5, 7}, {0, 1, 2, 3}};
    EXPECT_TRUE(pruned::SavePruned(*demo, mask, Variant()).ok());
  }
  std::string Variant() const { return scratch_.In("pruned"); }
  /// Adds `fields` to pruning.json.
  void Record(const json& fields) const {
    json pruning = json::parse(checkpoint_fixture::ReadFile(Variant() + "/pruning.json"));
    pruning.update(fields);
    checkpoint_fixture::WriteFile(Variant() + "/pruning.json", pruning.dump());
  }

  const ScratchDirectory scratch_;
};

TEST_F(InspectVariant, IsTold) {
  const json report = JsonReport(ShellWord(scratch_.path()));
  EXPECT_EQ(report["sound"], true);
  EXPECT_EQ(report["pruning"], nullptr);
  ASSERT_THAT(report["variants"], SizeIs(1));
  EXPECT_EQ(report["variants"][0]["directory"], Variant());
  EXPECT_EQ(report["variants"][0]["revision"], JsonReport(ShellWord(Variant()))["revision"]);
  EXPECT_EQ(report["variants"][0]["pruning"], JsonReport(ShellWord(Variant()))["pruning"]);
}

TEST_F(InspectVariant, WhatWasPrunedWhereIsTold) {
  const json pruning = JsonReport(ShellWord(Variant()))["pruning"];
  EXPECT_THAT(pruning["layers"], SizeIs(6));
  EXPECT_EQ(pruning["layers"][1]["heads"], 3);
  EXPECT_EQ(pruning["layers"][1]["neurons"], 4);
  EXPECT_NEAR(pruning["layers"][1]["kept_macs"], (4 * 96 + 2 * 4) / 4608.0, 1e-9);
  EXPECT_EQ(pruning["macs"]["before"], 10616832);
  EXPECT_EQ(pruning["parameters"]["before"], 15712514);
  EXPECT_EQ(pruning["parameters"]["after"], JsonReport(ShellWord(Variant()))["parameters"]);
  EXPECT_FALSE(pruning.contains("method"));
  EXPECT_THAT(RunTool("inspect " + ShellWord(scratch_.path())).output,
              HasSubstr("\n                     layer 1  3 of 12 heads, 4 of 1536 neurons, 8.51 % of MACs\n"));
}

TEST_F(InspectVariant, HowItWasPrunedIsToldIfItIsRecorded) {
  Record({{"method", "fisher"},
          {"seed", 7},
          {"data", {{"file", "train.tsv"}, {"hash", "00aa"}, {"texts", 2048}}},
          {"accuracy", {{"before", 0.883}, {"after", 0.8807}, {"examples", 872}}}});
  const json pruning = JsonReport(ShellWord(Variant()))["pruning"];
  EXPECT_EQ(pruning["method"], "fisher");
  EXPECT_EQ(pruning["data"]["texts"], 2048);
  EXPECT_EQ(pruning["accuracy"]["after"], 0.8807);
  EXPECT_THAT(
      RunTool("inspect " + ShellWord(Variant())).output,
      AllOf(HasSubstr("\n  Pruned by          \"fisher\", seed 7, on \"train.tsv\", 2048 texts, hash \"00aa\"\n"),
            HasSubstr("\n  Accuracy           88.30 % before, 88.07 % after, on 872 examples\n")));
}

TEST_F(InspectVariant, ARecordOfOtherTypesIsPassedOver) {
  Record({{"method", 1}, {"seed", "x"}, {"data", "train.tsv"}, {"accuracy", {{"before", 88.3}}}});
  const json report = JsonReport(ShellWord(Variant()));
  EXPECT_EQ(report["sound"], true);
  EXPECT_FALSE(report["pruning"].contains("method"));
  EXPECT_FALSE(report["pruning"].contains("accuracy"));
}

TEST_F(InspectVariant, ThatIsBrokenIsAProblem) {
  checkpoint_fixture::WriteFile(Variant() + "/pruning.json", "{}");
  const json report = JsonReport(ShellWord(scratch_.path()));
  EXPECT_EQ(report["sound"], false);
  EXPECT_THAT(report["variants"], IsEmpty());
  ASSERT_THAT(report["problems"], SizeIs(1));
  EXPECT_EQ(report["problems"][0]["file"], Variant() + "/pruning.json");
  EXPECT_THAT(report["problems"][0]["problem"].get<std::string>(), StartsWith("field \"format\""));
}

TEST_F(InspectVariant, ACalibrationIsToldAndOneOfAnotherRevisionAProblem) {
  const auto checkpoint = checkpoint::Checkpoint::Open(Variant()).value();
  const std::vector<int32_t> ids = {0, 5, 2}, cu_seqlens = {0, 3};
  const encoder::PackedBatch batch = {ids, cu_seqlens};
  encoder::Calibration calibration = {
      .smoothing = {.inputs = encoder::MeasureInputs(*checkpoint, {}, {&batch, 1}).value(), .alpha = 0.25f},
      .revision = checkpoint->revision(),
      .texts_hash = "0123456789abcdef",
      .texts = 1};
  ASSERT_TRUE(encoder::WriteCalibration(Variant(), calibration).ok());
  EXPECT_THAT(RunTool("inspect " + ShellWord(scratch_.path())).output,
              HasSubstr("\n  Calibration        alpha 0.25, measured on 1 texts of hash 0123456789abcdef\n"));
  EXPECT_EQ(JsonReport(ShellWord(Variant()))["calibration"]["alpha"], 0.25);
  calibration.revision = "fedcba9876543210";
  ASSERT_TRUE(encoder::WriteCalibration(Variant(), calibration).ok());
  const json problem = JsonReport(ShellWord(scratch_.path()))["problems"][0];
  EXPECT_EQ(problem["file"], Variant() + "/calibration.safetensors");
  EXPECT_THAT(problem["problem"].get<std::string>(), StartsWith("was measured on revision fedcba98"));
}

TEST(Inspect, MissingDirectoryIsNamed) {
  const auto result = RunTool("inspect /nowhere");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("/nowhere/config.json: "));
}

TEST(Inspect, FullDiskIsAnError) {
  const auto result = RunTool("inspect " + DemoModel() + " >/dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: cannot write to standard output: No space left on device\n");
}

}  // namespace
}  // namespace roberta
