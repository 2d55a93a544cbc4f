#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/profiles/tool/tool_process.h"

namespace roberta {
namespace {

using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using ::testing::HasSubstr;
using tool_process::DemoModel;
using tool_process::RunTool;

constexpr char kSmall[] = " --layers 2 --hidden 64 --heads 4 --intermediate 96 --max-tokens 30 --labels 3 ";

std::string Contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

TEST(Init, WhatItMakesIsSound) {
  const ScratchDirectory scratch;
  const std::string out = scratch.path() + "/new";
  const auto made = RunTool("init --out " + ShellWord(out) + kSmall + "--vocabulary " + DemoModel());
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const auto inspected = RunTool("inspect " + ShellWord(out));
  EXPECT_EQ(inspected.exit_code, 0) << inspected.output;
  EXPECT_THAT(inspected.output, HasSubstr("LABEL_2"));
  EXPECT_THAT(inspected.output, HasSubstr("12288 tokens"));
}

TEST(Init, TheSeedDecidesTheWeights) {
  const ScratchDirectory scratch;
  const auto make = [&](const std::string& name, const std::string& seed) {
    const std::string out = scratch.path() + "/" + name;
    EXPECT_EQ(RunTool("init --out " + ShellWord(out) + kSmall + "--vocab-size 99 --seed " + seed).exit_code, 0);
    return Contents(out + "/model.safetensors");
  };
  const std::string first = make("a", "1");
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(make("b", "1"), first);
  EXPECT_NE(make("c", "2"), first);
}

TEST(Init, NothingIsOverwritten) {
  const ScratchDirectory scratch;
  std::ofstream(scratch.path() + "/precious") << "x";
  const auto result = RunTool("init --out " + ShellWord(scratch.path()) + kSmall);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output + result.errors, HasSubstr("is not empty"));
}

TEST(Init, AnImpossibleShapeIsRefusedBeforeAnythingIsWritten) {
  const ScratchDirectory scratch;
  const std::string out = scratch.path() + "/new";
  const auto result = RunTool("init --out " + ShellWord(out) + " --hidden 65 --heads 4");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output + result.errors, HasSubstr("num_attention_heads"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace roberta
