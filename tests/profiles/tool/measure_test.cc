#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/profiles/tool/tool_process.h"
#include "tests/test_paths.h"

namespace roberta {
namespace {

using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using checkpoint_fixture::WriteFile;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tool_process::DemoModel;
using tool_process::RunTool;

class Measure : public testing::Test {
 protected:
  Measure() { WriteFile(scratch_.In("texts.tsv"), "label\ttext\nunknown\tA warm film.\nother\tA dull mess.\n"); }

  checkpoint_fixture::CommandResult Run(const std::string& arguments) const {
    return RunTool("measure --model " + DemoModel() + " --data " + ShellWord(scratch_.In("texts.tsv")) + " " +
                   arguments);
  }

  const ScratchDirectory scratch_;
};

const json* Find(const json& report, const std::string& name) {
  for (const json& profile : report["profiles"]) {
    if (profile["name"] == name) return &profile;
  }
  return nullptr;
}

TEST_F(Measure, ReportsSpeedSizeAndSpeedupOfEveryProfile) {
  const auto result = Run("--json --rounds 2");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json report = json::parse(result.output);
  EXPECT_EQ(report["texts"], 2);
  ASSERT_GE(report["profiles"].size(), 5u);
  for (const json& profile : report["profiles"]) {
    EXPECT_EQ(profile["status"], "ok");
    for (const char* name : {"latency_p50_ms", "latency_p95_ms", "sequences_per_second", "tokens_per_second"}) {
      EXPECT_GT(profile[name]["median"].get<double>(), 0) << name;
      EXPECT_LE(profile[name]["low"].get<double>(), profile[name]["high"].get<double>()) << name;
    }
    EXPECT_GT(profile["weight_bytes"].get<int64_t>(), 0);
    const bool prunes = profile["name"] == "pruned" || profile["name"] == "integrated";
    EXPECT_EQ(profile["disk_bytes"], prunes ? 20805228 : 31437340);
    EXPECT_TRUE(profile["speedup"].contains("baseline"));
  }
}

TEST_F(Measure, BaselineIsAsFastAsItself) {
  const json report = json::parse(Run("--json --rounds 1 --profiles baseline").output);
  const json* baseline = Find(report, "baseline");
  ASSERT_NE(baseline, nullptr);
  EXPECT_EQ((*baseline)["speedup"]["baseline"]["latency"]["median"], 1.0);
  EXPECT_EQ((*baseline)["speedup"]["baseline"]["throughput"]["median"], 1.0);
}

TEST_F(Measure, WhatOthersAreComparedWithRunsUnasked) {
  const json report = json::parse(Run("--json --rounds 1 --profiles quantized").output);
  EXPECT_NE(Find(report, "baseline"), nullptr);
  EXPECT_NE(Find(report, "quantized"), nullptr);
  EXPECT_EQ(Find(report, "amp"), nullptr);
}

TEST_F(Measure, ReadsNoMoreTextsThanAskedFor) {
  EXPECT_EQ(json::parse(Run("--json --rounds 1 --texts 1 --profiles baseline").output)["texts"], 1);
}

TEST_F(Measure, TheTablesNameWhatTheyShow) {
  const auto result = Run("--rounds 1 --profiles amp");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, AllOf(HasSubstr("2 texts of "), HasSubstr("p50 ms"), HasSubstr("tokens/s"),
                                   HasSubstr("x baseline"), HasSubstr("files on disk"), HasSubstr("\namp ")));
}

TEST_F(Measure, OfABadFileNothingIsMeasured) {
  const auto result = RunTool("measure --model " + DemoModel() + " --data /nowhere.tsv");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_EQ(result.errors, "error: /nowhere.tsv: no such file, or not readable\n");
}

TEST_F(Measure, AFullDiskIsAnError) {
  const auto result = Run("--rounds 1 --profiles baseline >/dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: cannot write to standard output: No space left on device\n");
}

TEST_F(Measure, RunsModelsWithoutLabelsToo) {
  for (const char* model : {"models/tiny-3label", "models/odd-multilabel-bf16", "models/regression-fp16"}) {
    ROBERTA_SHARED_OR_SKIP(directory, model);
    const auto result = RunTool("measure --rounds 1 --model " + ShellWord(directory) + " --data " +
                                ShellWord(scratch_.In("texts.tsv")));
    EXPECT_EQ(result.exit_code, 0) << model << result.errors;
  }
}

}  // namespace
}  // namespace roberta
