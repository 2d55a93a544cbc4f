#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "profiles/checkpoint/checkpoint.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/loaded_model.h"
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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using tool_process::RunTool;

/// Logits [6] of three sentences.
std::vector<float> Logits(const std::string& directory,
                          const profiles_test::Loader& load = profiles_test::Packed("baseline")) {
  const profiles_test::LoadedModel model(directory, load);
  return model.Run({model.Encode("a warm, funny and deeply moving film").ids, model.Encode("a dull mess").ids,
                    model.Encode("not bad at all").ids});
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

class Convert : public testing::Test {
 protected:
  CommandResult Run(const std::string& from, const std::string& arguments, const std::string& out = "out") const {
    return RunTool("convert --model " + ShellWord(from) + " --out " + ShellWord(scratch_.In(out)) + " " + arguments);
  }
  /// The directory that comes of it.
  std::string Converted(const std::string& from, const std::string& arguments, const std::string& out = "out") const {
    const CommandResult result = Run(from, arguments, out);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return scratch_.In(out);
  }
  /// Makes a pruned checkpoint of the demo model.
  std::string Pruned() const {
    const auto demo = Checkpoint::Open(demo_).value();
    EXPECT_TRUE(pruned::SavePruned(*demo, pruned::MaskByMagnitude(*demo, 0.8).value(), scratch_.In("pruned")).ok());
    return scratch_.In("pruned");
  }
  static json Config(const std::string& directory) {
    return json::parse(checkpoint_fixture::ReadFile(directory + "/config.json"));
  }

  const std::string demo_ = test_paths::InRepository("models/demo-sst2");
  const ScratchDirectory scratch_;
};

TEST_F(Convert, WiderValuesGiveTheSameLogits) {
  const std::string out = Converted(demo_, "--dtype fp32");
  EXPECT_EQ(Checkpoint::Open(out).value()->tensors()[0].dtype, checkpoint::Dtype::kF32);
  EXPECT_LT(LargestDifference(Logits(out), Logits(demo_)), 1e-5);
}

TEST_F(Convert, NarrowerValuesGiveLogitsWithinTheirRounding) {
  const std::string out = Converted(demo_, "--dtype bf16");
  EXPECT_EQ(Checkpoint::Open(out).value()->tensors()[0].dtype, checkpoint::Dtype::kBF16);
  const double difference = LargestDifference(Logits(out), Logits(demo_));
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 0.1);
}

TEST_F(Convert, ThereAndBackIsTheSameRevision) {
  const std::string wide = Converted(demo_, "--dtype fp32", "wide");
  const std::string same = Converted(wide, "--dtype fp32", "same");
  EXPECT_EQ(Checkpoint::Open(same).value()->revision(), Checkpoint::Open(wide).value()->revision());
  const std::string back = Converted(wide, "--dtype fp16", "back");
  EXPECT_EQ(Checkpoint::Open(back).value()->revision(), Checkpoint::Open(demo_).value()->revision());
}

TEST_F(Convert, ConfigAndVocabularyAreThoseOfTheModelButForTheDtype) {
  const std::string out = Converted(demo_, "--dtype bf16");
  json expected = Config(demo_);
  expected["torch_dtype"] = "bfloat16";
  EXPECT_EQ(Config(out), expected);
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer.json", "sample.tsv"}) {
    EXPECT_TRUE(checkpoint_fixture::ReadFile(out + "/" + name) == checkpoint_fixture::ReadFile(demo_ + "/" + name));
  }
}

TEST_F(Convert, APrunedCheckpointStaysPrunedWithAllThatSaysHow) {
  const std::string pruned = Pruned();
  const std::string text = checkpoint_fixture::ReadFile(pruned + "/pruning.json");
  const std::string more = "{\"method\": \"by hand\", " + text.substr(1);
  checkpoint_fixture::WriteFile(pruned + "/pruning.json", more);
  const std::string out = Converted(pruned, "--dtype fp32");
  EXPECT_EQ(checkpoint_fixture::ReadFile(out + "/pruning.json"), more);
  EXPECT_EQ(Checkpoint::Open(out).value()->mask(), Checkpoint::Open(pruned).value()->mask());
}

TEST_F(Convert, ADenseCheckpointGivesThePrunedOnesLogits) {
  const std::string pruned = Pruned();
  const std::string out = Converted(pruned, "--dense --dtype fp32");
  EXPECT_TRUE(Checkpoint::Open(out).value()->mask().empty());
  const auto load = profiles_test::Packed("pruned", {.keep_macs = 1});
  EXPECT_LT(LargestDifference(Logits(out), Logits(pruned, load)), 1e-4);
}

TEST_F(Convert, ADenseCheckpointCannotBeMadeDense) {
  const CommandResult result = Run(demo_, "--dense");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: " + demo_ + ": is dense already: it has no pruning.json\n");
  EXPECT_FALSE(std::filesystem::exists(scratch_.In("out")));
}

TEST_F(Convert, AValueThatDoesNotFitIsNamedAndNothingWritten) {
  auto tensors = checkpoint_fixture::MakeTensors(checkpoint_fixture::TinyConfig());
  const float large = 1e6f;
  auto& tensor = checkpoint_fixture::Find(tensors, "classifier.dense.weight");
  tensor.bytes.replace(3 * sizeof large, sizeof large, reinterpret_cast<const char*>(&large), sizeof large);
  std::filesystem::create_directory(scratch_.In("tiny"));
  checkpoint_fixture::WriteCheckpoint(scratch_.In("tiny"), checkpoint_fixture::TinyConfig(), tensors);
  const CommandResult result = Run(scratch_.In("tiny"), "--dtype fp16");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: " + scratch_.In("tiny") +
                               ": tensor \"classifier.dense.weight\" holds 1e+06 at element 3, which is too large for "
                               "F16\n");
  EXPECT_FALSE(std::filesystem::exists(scratch_.In("out")));
}

TEST_F(Convert, WhereItCannotWriteIsNamed) {
  const auto error_of = [&](const std::string& out) {
    const CommandResult result = RunTool("convert --model " + ShellWord(demo_) + " --out " + ShellWord(out));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.output, IsEmpty());
    return result.errors;
  };
  EXPECT_EQ(error_of(demo_ + "/."), "error: " + demo_ + "/.: is the checkpoint itself; name a new directory\n");
  checkpoint_fixture::WriteFile(scratch_.In("precious"), "x");
  EXPECT_EQ(error_of(scratch_.path()), "error: " + scratch_.path() + ": is not empty; name a new directory\n");
  EXPECT_THAT(error_of(scratch_.In("precious")), MatchesRegex("error: .*/precious: .*\n"));
  EXPECT_THAT(error_of("/proc/nowhere"), MatchesRegex("error: /proc/nowhere: cannot create: .*\n"));
}

TEST_F(Convert, WhatIsNoCheckpointIsNamed) {
  EXPECT_THAT(Run("/nowhere", "").errors, HasSubstr("error: /nowhere/config.json: "));
}

TEST_F(Convert, TheReportIsALine) {
  EXPECT_THAT(Run(demo_, "--dtype fp32").output,
              MatchesRegex(".*/out: revision [0-9a-f]{16}, 62,86.,... bytes of weights .31,437,340 before.\n"));
}

}  // namespace
}  // namespace roberta
