#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/profiles/tool/tool_process.h"
#include "version/version.h"

namespace roberta {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tool_process::RunTool;

TEST(CommandLine, VersionIsPrinted) {
  const auto result = RunTool("--version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, std::string("roberta-model ") + version::kLong + "\n");
}

class Helps : public ::testing::TestWithParam<const char*> {};
TEST_P(Helps, HaveExamplesOnStandardOutput) {
  const auto result = RunTool(GetParam());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("Usage: "), HasSubstr("Examples:\n  ")));
  EXPECT_THAT(result.errors, IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(All, Helps,
                         ::testing::Values("--help", "inspect --help", "tokenize --help", "init --help",
                                           "calibrate --help", "convert --help", "evaluate --help", "measure --help"));

TEST(CommandLine, HelpNamesEverySubcommand) {
  EXPECT_THAT(RunTool("--help").output, AllOf(HasSubstr("inspect"), HasSubstr("tokenize"), HasSubstr("calibrate"),
                                              HasSubstr("convert"), HasSubstr("evaluate"), HasSubstr("measure")));
}

TEST(CommandLine, UnknownSubcommandIsNamed) {
  EXPECT_THAT(RunTool("frobnicate").errors, HasSubstr("frobnicate"));
}

class WrongUsages : public ::testing::TestWithParam<const char*> {};
TEST_P(WrongUsages, ExitWithTwoAndAnErrorOnStandardError) {
  const auto result = RunTool(GetParam());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_THAT(result.errors, Not(IsEmpty()));
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongUsages,
    ::testing::Values("", "frobnicate", "--frobnicate", "inspect", "inspect a b", "inspect --frobnicate a",
                      "inspect a tokenize", "tokenize", "tokenize --model", "tokenize --model a --truncation up",
                      "tokenize --model a --truncation 1", "tokenize --model a --max-tokens -1",
                      "tokenize --model a --max-tokens ten", "tokenize --model a --max-tokens 1.5",
                      "tokenize --model a --max-tokens 99999999999", "tokenize --model a x y", "calibrate --model a",
                      "calibrate --data a", "calibrate --model a --data b --texts 1", "convert --model a",
                      "convert --out a", "convert --model a --out b --dtype int8", "evaluate", "evaluate --model a",
                      "evaluate --model a --data b --threads 0", "evaluate --model a --data b --format xml",
                      "measure --model a --data b --rounds 0", "measure --model a --data b --profiles nine"));

}  // namespace
}  // namespace roberta
