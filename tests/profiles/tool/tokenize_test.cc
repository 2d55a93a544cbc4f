#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/profiles/tool/tool_process.h"

namespace roberta {
namespace {

using checkpoint_fixture::CommandResult;
using checkpoint_fixture::RunCommand;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tool_process::DemoModel;
using tool_process::ParseLines;
using tool_process::RunTool;
using tool_process::ToolWord;

constexpr char kFine[] = "{\"text\": \"A fine film.\"}\n";
const json kFineIds = {0, 37, 2071, 416, 18, 2};

CommandResult Tokenize(std::string_view input, const std::string& arguments = "") {
  return RunTool("tokenize --model " + DemoModel() + " " + arguments, input);
}

/// The only line that the tool writes for a sound `input`.
json OneLine(const json& input, const std::string& arguments = "") {
  const CommandResult result = Tokenize(input.dump() + "\n", arguments);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  const auto lines = ParseLines(result.output);
  EXPECT_THAT(lines, SizeIs(1));
  return lines.empty() ? json() : lines[0];
}

/// The error that the tool writes in place of a line of 1.
json ErrorOf(std::string_view input, const std::string& arguments = "") {
  const CommandResult result = Tokenize(input, arguments);
  EXPECT_EQ(result.exit_code, 1);
  const auto lines = ParseLines(result.output);
  EXPECT_THAT(lines, SizeIs(1));
  if (lines.empty()) return json();
  EXPECT_EQ(lines[0]["line"], 1);
  EXPECT_EQ(result.errors, "standard input:1: " + lines[0]["error"]["message"].get<std::string>() + "\n");
  return lines[0]["error"];
}

std::string Words(int count) {
  std::string text = "fine";
  for (int i = 1; i < count; ++i) text += " fine";
  return text;
}

TEST(Tokenize, GivesIdsTokensAndOffsets) {
  const json line = OneLine({{"text", "A fine film."}});
  EXPECT_EQ(line["ids"], kFineIds);
  EXPECT_THAT(line["tokens"], ElementsAre("<s>", "A", "Ġfine", "Ġfilm", ".", "</s>"));
  EXPECT_EQ(line["offsets"], json::parse("[[0,0],[0,1],[2,6],[7,11],[11,12],[0,0]]"));
  EXPECT_EQ(line["tokens_dropped"], 0);
}

TEST(Tokenize, EmptyLinesAreNoTexts) {
  const CommandResult result = Tokenize(std::string("\xEF\xBB\xBF\r\n\n") + kFine + "\n");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(ParseLines(result.output), SizeIs(1));
}

TEST(Tokenize, OffsetsCountCodePoints) {
  EXPECT_EQ(OneLine({{"text", "é 😀 fine"}})["offsets"],
            json::parse("[[0,0],[0,1],[2,2],[2,3],[2,3],[2,3],[2,3],[4,8],[0,0]]"));
}

TEST(Tokenize, PairIsJoined) {
  EXPECT_EQ(OneLine({{"text", "A fine film."}, {"text_pair", "fine"}})["tokens"],
            json({"<s>", "A", "Ġfine", "Ġfilm", ".", "</s>", "</s>", "fine", "</s>"}));
}

TEST(Tokenize, NullPairIsNone) {
  EXPECT_EQ(OneLine({{"text", "A fine film."}, {"text_pair", nullptr}})["ids"], kFineIds);
}

TEST(Tokenize, OtherFieldsAreIgnored) {
  EXPECT_EQ(OneLine({{"text", "A fine film."}, {"label", 1}})["ids"], kFineIds);
}

TEST(Tokenize, EmptyTextIsTwoSpecialTokens) {
  EXPECT_THAT(OneLine({{"text", ""}})["ids"], ElementsAre(0, 2));
}

TEST(Tokenize, DashIsStandardInput) {
  EXPECT_EQ(OneLine({{"text", "A fine film."}}, "-")["ids"], kFineIds);
}

TEST(Tokenize, FileIsRead) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteFile(scratch.In("texts.jsonl"), kFine);
  const auto lines = ParseLines(Tokenize("", ShellWord(scratch.In("texts.jsonl"))).output);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["ids"], kFineIds);
}

TEST(Tokenize, LastLineNeedsNoNewline) {
  EXPECT_THAT(ParseLines(Tokenize(std::string(kFine) + R"({"text": "x"})").output), SizeIs(2));
}

TEST(Tokenize, NoInputGivesNoOutput) {
  const CommandResult result = Tokenize("");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, IsEmpty());
}

TEST(Tokenize, ModelsLimitIsTheDefault) {
  EXPECT_THAT(OneLine({{"text", Words(2000)}}, "--truncation right")["ids"], SizeIs(512));
}

TEST(Tokenize, TextBeyondTheLimitIsAnError) {
  EXPECT_EQ(ErrorOf(json{{"text", Words(2000)}}.dump())["code"], "OUT_OF_RANGE");
}

TEST(Tokenize, ZeroMeansNoLimit) {
  EXPECT_GT(OneLine({{"text", Words(2000)}}, "--max-tokens 0")["ids"].size(), 2000u);
}

TEST(Tokenize, TruncationOnTheRightKeepsTheBeginning) {
  const json line = OneLine({{"text", "one two three four five"}}, "--truncation right --max-tokens 5");
  EXPECT_THAT(line["tokens"], ElementsAre("<s>", "one", "Ġtwo", "Ġthree", "</s>"));
  EXPECT_EQ(line["tokens_dropped"], 2);
}

TEST(Tokenize, TruncationOnTheLeftKeepsTheEnd) {
  const json line = OneLine({{"text", "one two three four five"}}, "--truncation left --max-tokens 5");
  EXPECT_THAT(line["tokens"], ElementsAre("<s>", "Ġthree", "Ġfour", "Ġfive", "</s>"));
}

/// A line that is no text, and what the error says.
class BadLines : public ::testing::TestWithParam<std::pair<std::string, const char*>> {};
TEST_P(BadLines, AreToldInPlace) {
  const json error = ErrorOf(GetParam().first + "\n");
  EXPECT_EQ(error["code"], "INVALID_ARGUMENT");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(GetParam().second));
}
INSTANTIATE_TEST_SUITE_P(All, BadLines,
                         ::testing::Values(std::pair{std::string("{"), "not JSON"},
                                           std::pair{std::string("[\"text\"]"), "not a JSON object"},
                                           std::pair{std::string("{\"texts\": \"x\"}"), "text is missing"},
                                           std::pair{std::string("{\"text\": 5}"), "text is 5; it must be a string"},
                                           std::pair{std::string("{\"text\": null}"), "text is missing"},
                                           std::pair{std::string("{\"text\": \"x\", \"text_pair\": 5}"),
                                                     "text_pair is 5; it must be a string"},
                                           std::pair{std::string("{\"text\": \"x\", \"text\": \"y\"}"),
                                                     "key \"text\" occurs twice"},
                                           std::pair{std::string("{\"text\": \"\xff\"}"), "not JSON"},
                                           std::pair{std::string("{\"text\": \"\\ud800\"}"), "not JSON"},
                                           std::pair{std::string("{\"text\": \"x\"}\0{", 15), "NUL byte"},
                                           std::pair{std::string(100'000, '['), "nested deeper"}));

TEST(Tokenize, BadLineDoesNotStopTheOthers) {
  const CommandResult result = Tokenize(std::string(kFine) + "bad\n" + kFine);
  EXPECT_EQ(result.exit_code, 1);
  const auto lines = ParseLines(result.output);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[0]["ids"], kFineIds);
  EXPECT_EQ(lines[1]["line"], 2);
  EXPECT_EQ(lines[2]["ids"], kFineIds);
}

TEST(Tokenize, BadLineOfAFileIsToldWithTheFile) {
  const ScratchDirectory scratch;
  checkpoint_fixture::WriteFile(scratch.In("texts.jsonl"), std::string(kFine) + "{}\n");
  EXPECT_EQ(Tokenize("", ShellWord(scratch.In("texts.jsonl"))).errors,
            scratch.In("texts.jsonl") + ":2: text is missing\n");
}

TEST(Tokenize, MissingFileIsNamed) {
  const CommandResult result = Tokenize("", "/nowhere/texts.jsonl");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: /nowhere/texts.jsonl: cannot open: No such file or directory\n");
}

TEST(Tokenize, DirectoryInPlaceOfAFileIsNamed) {
  const ScratchDirectory scratch;
  const CommandResult result = Tokenize("", ShellWord(scratch.path()));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: " + scratch.path() + ": cannot read: Is a directory\n");
}

TEST(Tokenize, MissingModelIsNamed) {
  const CommandResult result = RunTool("tokenize --model /nowhere", kFine);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("error: /nowhere/config.json: "));
}

TEST(Tokenize, NeedsNoWeights) {
  const ScratchDirectory scratch;
  tool_process::LinkDemoModel(scratch, json::object());
  std::filesystem::remove(scratch.In("model.safetensors"));
  EXPECT_EQ(RunTool("tokenize --model " + ShellWord(scratch.path()), kFine).exit_code, 0);
}

TEST(Tokenize, FullDiskIsAnError) {
  const CommandResult result = Tokenize(kFine, ">/dev/full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: cannot write to standard output: No space left on device\n");
}

TEST(Tokenize, ReaderThatGoesAwayEndsItQuietly) {
  std::string input;
  for (int i = 0; i < 20'000; ++i) input += kFine;  // far more than a pipe holds
  const CommandResult result = RunCommand(
      "{ " + ToolWord() + " tokenize --model " + DemoModel() + "; echo \"exit code $?\" >&2; } | head -n 1", input);
  EXPECT_THAT(ParseLines(result.output), SizeIs(1));
  EXPECT_EQ(result.errors, "exit code 1\n");
}

TEST(Tokenize, LineIsAnsweredWhileTheInputStaysOpen) {
  const ScratchDirectory scratch;
  const std::string to = ShellWord(scratch.In("to")), from = ShellWord(scratch.In("from"));
  const CommandResult result = RunCommand("mkfifo " + to + " " + from + "; " + ToolWord() + " tokenize --model " +
                                          DemoModel() + " <" + to + " >" + from + " & exec 3>" + to + " 4<" + from +
                                          "; echo '{\"text\": \"A fine film.\"}' >&3; read -r answer <&4; " +
                                          "printf '%s\\n' \"$answer\"; exec 3>&-; wait");
  const auto lines = ParseLines(result.output);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["ids"], kFineIds);
}

}  // namespace
}  // namespace roberta
