#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/calibration.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/pruned/save_pruned.h"
#include "tests/profiles/tool/tool_process.h"
#include "tests/test_paths.h"

namespace roberta {
namespace {

using checkpoint::Checkpoint;
using checkpoint_fixture::CommandResult;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using tool_process::LinkDemoModel;
using tool_process::RunTool;

constexpr char kFile[] = "calibration.safetensors";

/// A directory with the demo model that can be written to.
class Calibrate : public testing::Test {
 protected:
  Calibrate() { LinkDemoModel(scratch_, json::object()); }

  CommandResult Run(const std::string& arguments = "", const std::string& data = "") const {
    const std::string sample = test_paths::InRepository("models/demo-sst2/sample.tsv");
    return RunTool("calibrate --model " + ShellWord(scratch_.path()) + " --data " +
                   ShellWord(data.empty() ? sample : data) + " " + arguments);
  }
  json JsonReport(const std::string& arguments = "") const {
    const CommandResult result = Run("--json " + arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return json::parse(result.output, nullptr, false);
  }
  /// What the tool says of data that hold `text`.
  CommandResult RunOn(const std::string& text) const {
    checkpoint_fixture::WriteFile(scratch_.In("texts.tsv"), text);
    return Run("", scratch_.In("texts.tsv"));
  }
  const ScratchDirectory scratch_;
};

TEST_F(Calibrate, StoresWhatRemovesNoiseFromTextsHeldOut) {
  const json report = JsonReport();
  EXPECT_EQ(report["measured_texts"], 128);
  EXPECT_EQ(report["held_out_texts"], 128);
  ASSERT_THAT(report["checkpoints"], SizeIs(1));
  const json& one = report["checkpoints"][0];
  EXPECT_EQ(one["profile"], "quantized");
  EXPECT_THAT(one["trials"], SizeIs(3));
  EXPECT_EQ(one["stored"], scratch_.In(kFile));
  const json& best = one["trials"][1];
  EXPECT_EQ(one["alpha"], best["alpha"]);
  EXPECT_LT(best["mean_abs_dlogit"], one["before"]["mean_abs_dlogit"]);
  EXPECT_GT(best["removed"], 0);
  const auto stored = encoder::ReadCalibration(*Checkpoint::Open(scratch_.path()).value());
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ((*stored)->smoothing.alpha, one["alpha"]);
  EXPECT_EQ((*stored)->texts, 128);
  EXPECT_EQ((*stored)->texts_hash, report["texts_hash"]);
}

TEST_F(Calibrate, ReportIsATableForEachCheckpoint) {
  const CommandResult result = Run("--texts 64");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr(": quantized against fp32 on 32 texts held out, ranges measured on 32 others\n"),
                    HasSubstr("\nalpha  mean |dlogit|  mean |dp|  agreement  noise removed\nnone   0.0"),
                    HasSubstr("\n0.25   0.0"), HasSubstr("\n0.75   0.0")));
}

TEST_F(Calibrate, TheSeedDecidesOnWhichTextsIsMeasured) {
  const json first = JsonReport("--texts 16 --seed 1")["texts_hash"];
  EXPECT_THAT(first.get<std::string>(), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(JsonReport("--texts 16 --seed 1")["texts_hash"], first);
  EXPECT_NE(JsonReport("--texts 16 --seed 2")["texts_hash"], first);
}

TEST_F(Calibrate, APrunedVariantHasAFileOfItsOwn) {
  const auto demo = Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value();
  ASSERT_TRUE(pruned::SavePruned(*demo, pruned::MaskByMagnitude(*demo, 0.8).value(), scratch_.In("pruned")).ok());
  const json report = JsonReport();
  ASSERT_THAT(report["checkpoints"], SizeIs(2));
  EXPECT_EQ(report["checkpoints"][1]["directory"], scratch_.In("pruned"));
  EXPECT_EQ(report["checkpoints"][1]["profile"], "integrated");
  EXPECT_EQ(std::filesystem::exists(scratch_.In("pruned/" + std::string(kFile))),
            report["checkpoints"][1]["stored"].is_string());
}

TEST_F(Calibrate, APrunedCheckpointCanBeDoneAlone) {
  const auto demo = Checkpoint::Open(test_paths::InRepository("models/demo-sst2")).value();
  ASSERT_TRUE(pruned::SavePruned(*demo, pruned::MaskByMagnitude(*demo, 0.8).value(), scratch_.In("pruned")).ok());
  const CommandResult alone = RunTool("calibrate --texts 16 --json --model " + ShellWord(scratch_.In("pruned")) +
                                      " --data " + ShellWord(test_paths::InRepository("models/demo-sst2/sample.tsv")));
  EXPECT_EQ(alone.exit_code, 0) << alone.errors;
  EXPECT_EQ(json::parse(alone.output)["checkpoints"][0]["directory"], scratch_.In("pruned"));
  EXPECT_FALSE(std::filesystem::exists(scratch_.In(kFile)));
}

TEST_F(Calibrate, TextsNeedNoLabels) {
  const CommandResult result = RunOn("text\nA fine film.\nA dull film.\nNot bad at all.\n");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("on 1 texts held out, ranges measured on 2 others"));
}

TEST_F(Calibrate, WhereNothingHelpsNothingIsStoredOrRemoved) {
  // All weights zero: int8 is exact, and no noise is there to remove.
  std::filesystem::remove(scratch_.In("model.safetensors"));
  json config = checkpoint_fixture::TinyConfig();
  config["vocab_size"] = 12288;
  auto tensors = checkpoint_fixture::MakeTensors(config);
  for (auto& tensor : tensors) tensor.bytes.assign(tensor.bytes.size(), '\0');
  checkpoint_fixture::WriteCheckpoint(scratch_.path(), config, tensors);
  checkpoint_fixture::WriteFile(scratch_.In(kFile), "mine");
  const CommandResult result = Run();
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("No strength removes noise: nothing is stored, and " + scratch_.In(kFile) +
                                       " stays as it was\n"));
  EXPECT_EQ(checkpoint_fixture::ReadFile(scratch_.In(kFile)), "mine");
}

TEST_F(Calibrate, ErrorsAreOneLineThatNamesTheFile) {
  const struct {
    CommandResult result;
    std::string error;
  } kCases[] = {
      {Run("", "/no/such.tsv"), "error: /no/such.tsv: .*\n"},
      {RunOn("text\nA fine film.\n"), "error: .*/texts.tsv: 1 text; there must be 2 at least, .*\n"},
      {RunOn("text\n"), "error: .*/texts.tsv:.*\n"},
      {RunOn("text\nfine\n \n"), "error: .*/texts.tsv:3: text is blank\n"},
      {RunTool("calibrate --model /nowhere --data /no/such.tsv"), "error: /nowhere/config.json: .*\n"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(one.result.exit_code, 1);
    EXPECT_EQ(one.result.output, "");
    EXPECT_THAT(one.result.errors, MatchesRegex(one.error));
  }
  EXPECT_FALSE(std::filesystem::exists(scratch_.In(kFile)));
}

TEST_F(Calibrate, WhatCannotBeStoredIsAnError) {
  std::filesystem::create_directory(scratch_.In(kFile));
  const CommandResult result = Run("--texts 64");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, MatchesRegex("error: " + scratch_.In(kFile) + ": cannot rename .*\n"));
  EXPECT_THAT(scratch_.Names(), ElementsAre(kFile, "config.json", "merges.txt", "model.safetensors", "vocab.json"));
}

TEST_F(Calibrate, FullDiskIsAnError) {
  const CommandResult result = Run("--texts 8 >/dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: cannot write to standard output: No space left on device\n");
}

}  // namespace
}  // namespace roberta
