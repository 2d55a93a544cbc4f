#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/pruned/pruned.h"
#include "tests/profiles/loaded_model.h"
#include "tests/profiles/tool/tool_process.h"
#include "tests/test_paths.h"

namespace roberta {
namespace {

using checkpoint::Checkpoint;
using checkpoint_fixture::CommandResult;
using checkpoint_fixture::ReadFile;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using checkpoint_fixture::WriteFile;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using tool_process::DemoModel;
using tool_process::RunTool;

constexpr char kBudget[] = " --keep-macs 0.8";

std::string DemoSample() {
  return ShellWord(test_paths::InRepository("models/demo-sst2/sample.tsv"));
}

/// Logits of three sentences.
std::vector<float> Logits(const std::string& directory, const profiles_test::Loader& load) {
  const profiles_test::LoadedModel model(directory, load);
  return model.Run({model.Encode("a warm, funny and deeply moving film").ids, model.Encode("a dull mess").ids,
                    model.Encode("not bad at all").ids});
}

void ExpectSameLogits(const std::string& pruned, const std::string& dense) {
  EXPECT_TRUE(Checkpoint::Open(dense).value()->mask().empty());
  const std::vector<float> narrow = Logits(pruned, profiles_test::Packed("pruned", {.keep_macs = 1}));
  const std::vector<float> wide = Logits(dense, profiles_test::Packed("baseline"));
  EXPECT_NE(narrow[0], narrow[2]);
  for (size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(narrow[i], wide[i], 1e-4) << i;
}

/// A small model of random weights in `model`, and 40 texts with labels in train.tsv.
class Prune : public testing::Test {
 protected:
  Prune() {
    const CommandResult made =
        RunTool("init --layers 2 --hidden 32 --heads 4 --intermediate 64 --max-tokens 60 --out " + ShellWord(model_) +
                " --vocabulary " + DemoModel());
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    std::string rows = "label\ttext\n";
    for (const auto& [label, text] : Texts()) absl::StrAppend(&rows, label, "\t", text, "\n");
    WriteFile(scratch_.In("train.tsv"), rows);
  }

  static std::vector<std::pair<int, std::string>> Texts() {
    std::vector<std::pair<int, std::string>> texts;
    for (int i = 0; i < 40; ++i) {
      std::string text = absl::StrCat("Film ", i * i);
      for (int word = 0; word <= i % 7; ++word) absl::StrAppend(&text, word % 2 == 0 ? ", good" : " and bad");
      texts.emplace_back(i % 2, text);
    }
    return texts;
  }

  CommandResult Run(const std::string& arguments, const std::string& out = "out",
                    const std::string& data = "train.tsv") const {
    return RunTool("prune --model " + ShellWord(model_) + " --data " + ShellWord(scratch_.In(data)) + " --out " +
                   ShellWord(scratch_.In(out)) + " " + arguments);
  }
  /// The directory that comes of it.
  std::string Pruned(const std::string& arguments, const std::string& out = "out",
                     const std::string& data = "train.tsv") const {
    const CommandResult result = Run(arguments, out, data);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return scratch_.In(out);
  }
  static std::string WeightsOf(const std::string& directory) { return ReadFile(directory + "/model.safetensors"); }
  static json PruningOf(const std::string& directory) { return json::parse(ReadFile(directory + "/pruning.json")); }

  const ScratchDirectory scratch_;
  const std::string model_ = scratch_.In("model");
};

TEST_F(Prune, TheDemoModelKeepsTheBudgetAndItsAnswers) {
  const std::string out = scratch_.In("out");
  const CommandResult result = RunTool("prune --json --texts 128 --model " + DemoModel() + " --data " + DemoSample() +
                                       " --dense --out " + ShellWord(out) + kBudget);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto pruned = Checkpoint::Open(out).value();
  ASSERT_FALSE(pruned->mask().empty());
  const double kept = checkpoint::KeptMacs(pruned->mask(), pruned->config());
  EXPECT_LE(kept, 0.8);
  EXPECT_GT(kept, 0.75);
  EXPECT_EQ(pruned->tensors()[0].dtype, checkpoint::Dtype::kF16);
  ExpectSameLogits(out, out + "/dense");
  const json report = json::parse(result.output);
  EXPECT_EQ(report["data"]["texts"], 128);
  EXPECT_EQ(report["held_out_texts"], 64);
  EXPECT_GE(report["agreement"].get<double>(), 0.9);
}

TEST_F(Prune, PruningJsonSaysHowItWasMade) {
  const std::string out = Pruned("--method fisher --seed 5" + std::string(kBudget));
  const auto dense = Checkpoint::Open(model_).value(), pruned = Checkpoint::Open(out).value();
  const auto parameters = [](const Checkpoint& checkpoint) {
    int64_t sum = 0;
    for (const checkpoint::TensorView& tensor : checkpoint.tensors()) sum += tensor.elements();
    return sum;
  };
  const json pruning = PruningOf(out);
  EXPECT_EQ(pruning["method"], "fisher");
  EXPECT_EQ(pruning["seed"], 5);
  EXPECT_EQ(pruning["data"]["file"], "train.tsv");
  EXPECT_THAT(pruning["data"]["hash"].get<std::string>(), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(pruning["data"]["texts"], 30);
  EXPECT_EQ(pruning["macs"]["before"], 2 * (4 * 32 * 32 + 2 * 32 * 64));
  EXPECT_NEAR(pruning["macs"]["after"].get<double>(), 16384 * checkpoint::KeptMacs(pruned->mask(), pruned->config()),
              0.5);
  EXPECT_EQ(pruning["parameters"]["before"], parameters(*dense));
  EXPECT_EQ(pruning["parameters"]["after"], parameters(*pruned));
  EXPECT_EQ(pruning["accuracy"]["examples"], 10);
  for (const char* when : {"before", "after"}) {
    EXPECT_GE(pruning["accuracy"][when].get<double>(), 0) << when;
    EXPECT_LE(pruning["accuracy"][when].get<double>(), 1) << when;
  }
}

TEST_F(Prune, TheHashIsThatOfTheTexts) {
  std::string other = ReadFile(scratch_.In("train.tsv"));
  other.replace(other.find("Film 9"), 6, "Film 8");
  WriteFile(scratch_.In("other.tsv"), other);
  WriteFile(scratch_.In("same.tsv"), ReadFile(scratch_.In("train.tsv")));
  const std::string arguments = "--method random --no-refit" + std::string(kBudget);
  const json hash = PruningOf(Pruned(arguments, "a"))["data"]["hash"];
  EXPECT_EQ(PruningOf(Pruned(arguments, "b", "same.tsv"))["data"]["hash"], hash);
  EXPECT_NE(PruningOf(Pruned(arguments, "c", "other.tsv"))["data"]["hash"], hash);
}

TEST_F(Prune, TheJsonReportNamesTheFiguresOfPruningJson) {
  const CommandResult result = Run("--json" + std::string(kBudget));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json report = json::parse(result.output), pruning = PruningOf(scratch_.In("out"));
  for (const char* name : {"method", "refit", "seed", "data", "macs", "parameters", "accuracy", "agreement"}) {
    ASSERT_TRUE(pruning.contains(name)) << name;
    EXPECT_EQ(report[name], pruning[name]) << name;
  }
  ASSERT_EQ(report["layers"].size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(report["layers"][i]["heads"], pruning["layers"][i]["heads"].size());
    EXPECT_EQ(report["layers"][i]["neurons"], pruning["layers"][i]["neurons"].size());
  }
  EXPECT_LE(report["kept_macs"].get<double>(), 0.8);
  EXPECT_GT(report["speedup"].get<double>(), 0);
  EXPECT_TRUE(report["dense"].is_null());
  EXPECT_THAT(report["tries"], IsEmpty());
}

TEST_F(Prune, TheTextReportNamesEveryLayer) {
  EXPECT_THAT(Run("--method magnitude --no-refit" + std::string(kBudget)).output,
              AllOf(HasSubstr("/out: magnitude, not refitted, learned from 30 texts\n"),
                    HasSubstr("\n  MACs a token  16,384 -> "), HasSubstr("\n  layer 0       3 of 4 heads, "),
                    HasSubstr("\n  layer 1       3 of 4 heads, ")));
}

TEST_F(Prune, ASearchTellsItsTries) {
  const CommandResult result = Run("--json --method fisher --no-refit --max-drop 100");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const json report = json::parse(result.output);
  ASSERT_FALSE(report["tries"].empty());
  EXPECT_EQ(report["tries"].back()["kept_macs"], report["kept_macs"]);
  EXPECT_TRUE(report["tries"][0]["drop_points"].is_number());
}

TEST_F(Prune, DenseWithoutAPlaceGoesBelowOut) {
  const std::string out = Pruned("--dense --method random" + std::string(kBudget));
  ExpectSameLogits(out, out + "/dense");
}

TEST_F(Prune, DenseGoesToThePlaceThatIsNamed) {
  const CommandResult result = Run("--json --method random --dense " + ShellWord(scratch_.In("wide")) + kBudget);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  ExpectSameLogits(scratch_.In("out"), scratch_.In("wide"));
  EXPECT_FALSE(std::filesystem::exists(scratch_.In("out/dense")));
  EXPECT_EQ(json::parse(result.output)["dense"], scratch_.In("wide"));
}

TEST_F(Prune, APlaceThatIsNamedDenseIsTheOneMeant) {
  const CommandResult result = checkpoint_fixture::RunCommand(
      "cd " + ShellWord(scratch_.path()) + " && " + tool_process::ToolWord() +
      " prune --model model --data train.tsv --out out --method random --no-refit --keep-macs 0.8 --dense dense");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(std::filesystem::exists(scratch_.In("dense/model.safetensors")));
  EXPECT_FALSE(std::filesystem::exists(scratch_.In("out/dense")));
}

TEST_F(Prune, TheSameSeedGivesTheSameBytes) {
  const std::string first = Pruned("--seed 1 --threads 1" + std::string(kBudget), "a");
  const std::string same = Pruned("--seed 1 --threads 3" + std::string(kBudget), "b");
  const std::string other = Pruned("--seed 2" + std::string(kBudget), "c");
  EXPECT_TRUE(WeightsOf(first) == WeightsOf(same));
  EXPECT_EQ(ReadFile(first + "/pruning.json"), ReadFile(same + "/pruning.json"));
  EXPECT_FALSE(WeightsOf(first) == WeightsOf(other));
}

TEST_F(Prune, TheFormatsSayTheSame) {
  std::string csv = "text,label\n", jsonl;
  for (const auto& [label, text] : Texts()) {
    absl::StrAppend(&csv, "\"", text, "\",", label, "\n");
    absl::StrAppend(&jsonl, json{{"text", text}, {"label", label}}.dump(), "\n");
  }
  WriteFile(scratch_.In("train.csv"), csv);
  WriteFile(scratch_.In("train.jsonl"), jsonl);
  const std::string tsv = Pruned(kBudget, "a"), from_csv = Pruned(kBudget, "b", "train.csv"),
                    from_jsonl = Pruned(kBudget, "c", "train.jsonl");
  EXPECT_TRUE(WeightsOf(tsv) == WeightsOf(from_csv));
  EXPECT_TRUE(WeightsOf(tsv) == WeightsOf(from_jsonl));
  EXPECT_EQ(PruningOf(tsv)["accuracy"], PruningOf(from_csv)["accuracy"]);
  EXPECT_EQ(PruningOf(tsv)["accuracy"], PruningOf(from_jsonl)["accuracy"]);
}

TEST_F(Prune, WithoutLabelsThereIsNoAccuracyButAgreement) {
  std::string rows = "text\n";
  for (const auto& [label, text] : Texts()) absl::StrAppend(&rows, text, "\n");
  WriteFile(scratch_.In("texts.tsv"), rows);
  const json pruning = PruningOf(Pruned(kBudget, "out", "texts.tsv"));
  EXPECT_FALSE(pruning.contains("accuracy"));
  EXPECT_GE(pruning["agreement"].get<double>(), 0);
}

TEST_F(Prune, BadRowsThatAreSkippedAreTold) {
  WriteFile(scratch_.In("bad.tsv"), ReadFile(scratch_.In("train.tsv")) + "7\tYes.\n");
  const CommandResult result = Run("--json --skip-bad-rows --method random" + std::string(kBudget), "out", "bad.tsv");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(json::parse(result.output)["skipped_rows"], 1);
  EXPECT_EQ(result.errors, "skipped: " + scratch_.In("bad.tsv") +
                               ":42: label \"7\" is neither a label of the model nor the index of one\n");
}

TEST_F(Prune, AFileWhoseNameIsNoUtf8IsNoProblem) {
  const std::string name = "train\xff.tsv";
  WriteFile(scratch_.In(name), ReadFile(scratch_.In("train.tsv")));
  const std::string out = Pruned("--json --method random --no-refit" + std::string(kBudget), "out", name);
  EXPECT_EQ(PruningOf(out)["data"]["file"], "train\uFFFD.tsv");
}

TEST_F(Prune, AnErrorIsOneLineThatNamesWhatIsWrong) {
  WriteFile(scratch_.In("bad.tsv"), ReadFile(scratch_.In("train.tsv")) + "7\tYes.\n");
  WriteFile(scratch_.In("few.tsv"), "text\nfine\ndull\n");
  std::filesystem::create_directory(scratch_.In("full"));
  WriteFile(scratch_.In("full/precious"), "x");
  const std::string with_budget = "--method random --no-refit" + std::string(kBudget);
  ASSERT_EQ(Run(with_budget, "narrow").exit_code, 0);
  const std::string narrow = "prune --model " + ShellWord(scratch_.In("narrow")) + " --out " +
                             ShellWord(scratch_.In("out")) + " --data " + ShellWord(scratch_.In("train.tsv"));
  const struct {
    CommandResult result;
    std::string error;
  } kCases[] = {
      {Run(with_budget, "full"), "error: .*/full: is not empty; name a new directory\n"},
      {Run(with_budget, "train.tsv"), "error: .*/train.tsv: cannot create: .*\n"},
      {Run(with_budget, "train.tsv/out"), "error: .*/train.tsv/out: cannot create: Not a directory\n"},
      {RunTool("prune --model " + ShellWord(model_) + " --data /nowhere.tsv --out /proc/nowhere/out" + kBudget),
       "error: /proc/nowhere/out: cannot create: .*\n"},
      {Run(with_budget + " --dense " + ShellWord(scratch_.In("full"))), "error: .*/full: is not empty; .*\n"},
      {Run(with_budget + " --dense " + ShellWord(scratch_.In("out/"))), "error: .*/out/: is where .*/out goes; .*\n"},
      {Run(with_budget + " --dense " + ShellWord(scratch_.In("new")), "new/out"),
       "error: .*/new: is where .*/new/out goes; .*\n"},
      {Run(with_budget, "out", "nowhere.tsv"), "error: .*/nowhere.tsv: .*\n"},
      {Run(with_budget, "out", "bad.tsv"), "error: .*/bad.tsv:42: label \"7\" is neither .*\n"},
      {Run(with_budget, "out", "few.tsv"), "error: 2 texts; pruning needs 16 .*\n"},
      {RunTool(narrow + kBudget), "error: .*/narrow: is a pruned checkpoint already\n"},
      {Run("--target-speedup 100000 --method magnitude --no-refit"),
       "error: no pruning makes this model 100000 times as fast on this host; .*\n"},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(one.result.exit_code, 1);
    EXPECT_EQ(one.result.output, "");
    EXPECT_THAT(one.result.errors, MatchesRegex(one.error));
    EXPECT_EQ(std::count(one.result.errors.begin(), one.result.errors.end(), '\n'), 1) << one.result.errors;
  }
  EXPECT_FALSE(std::filesystem::exists(scratch_.In("out")));
  EXPECT_EQ(ReadFile(scratch_.In("full/precious")), "x");
}

TEST(PruneUsage, WhatIsWrongIsToldBeforeTheWork) {
  const struct {
    std::string arguments, error;
  } kCases[] = {
      {"", "--keep-macs"},
      {"--keep-macs 0.8 --max-drop 1", "--keep-macs"},
      {"--keep-macs 0", "--keep-macs: is 0; it must be above 0 and at most 1"},
      {"--keep-macs 1.5", "--keep-macs: is 1.5; it must be"},
      {"--keep-macs nan", "--keep-macs: is nan; it must be"},
      {"--target-speedup 0.5", "--target-speedup: is 0.5; it must be 1 or more"},
      {"--target-speedup inf", "--target-speedup: is inf; it must be"},
      {"--max-drop 101", "--max-drop: is 101; it must be 0 to 100"},
      {"--keep-macs 0.8 --method best", "--method: best"},
      {"--keep-macs 0.8 --texts 15", "--texts: "},
      {"--keep-macs 0.8 --held-out 0", "--held-out: "},
      {"--keep-macs 0.8 --seed one", "--seed"},
      {"--keep-macs 0.8 --threads 0", "--threads: "},
  };
  for (const auto& one : kCases) {
    const CommandResult result = RunTool("prune --model /nowhere --data /nowhere.tsv --out /nowhere " + one.arguments);
    EXPECT_EQ(result.exit_code, 2) << one.arguments;
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr(one.error));
  }
}

TEST_F(Prune, AfterAnErrorNoDirectoryIsLeft) {
  const CommandResult result = Run("--dense" + std::string(kBudget), "a/b/out", "nowhere.tsv");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(scratch_.Names(), ElementsAre("model", "train.tsv"));
}

TEST_F(Prune, AnEmptyDirectoryWillDo) {
  std::filesystem::create_directory(scratch_.In("out"));
  EXPECT_TRUE(Checkpoint::Open(Pruned("--method random --no-refit" + std::string(kBudget))).ok());
}

TEST_F(Prune, AFullDiskIsAnError) {
  const CommandResult result = Run("--method random --no-refit >/dev/full" + std::string(kBudget));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: cannot write to standard output: No space left on device\n");
}

/// Runs the tool with a terminal for its standard error and sends it SIGTERM as soon as `step` is shown there. The
/// status is waitpid's.
int EndAt(const std::string& step, const std::string& arguments) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_TRUE(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  const std::string command = "exec " + tool_process::ToolWord() + " " + arguments + " 2>" + ptsname(terminal);
  // Held open, so that reading waits until the tool writes.
  const int other_end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  EXPECT_GE(other_end, 0);
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  std::string shown;
  int status = 0;
  while (shown.find(step) == std::string::npos) {
    pollfd ready = {.fd = terminal, .events = POLLIN, .revents = 0};
    char buffer[512];
    const ssize_t count = poll(&ready, 1, 100) == 1 ? read(terminal, buffer, sizeof buffer) : 0;
    if (count > 0) shown.append(buffer, static_cast<size_t>(count));
    if (count == 0 && waitpid(child, &status, WNOHANG) == child) {
      ADD_FAILURE() << "ended before it showed \"" << step << "\": " << shown;
      break;
    }
    if (shown.find(step) == std::string::npos) continue;
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
  }
  close(other_end);
  close(terminal);
  return status;
}

TEST_F(Prune, EndedInTheMiddleItLeavesNothingBehind) {
  const int status = EndAt("gradients", "prune --dense --texts 128 --model " + DemoModel() + " --data " + DemoSample() +
                                            " --out " + ShellWord(scratch_.In("a/out")) + kBudget);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  EXPECT_THAT(scratch_.Names(), ElementsAre("model", "train.tsv"));
}

TEST(PruneHelp, NamesEveryOption) {
  const std::string help = RunTool("prune --help").output;
  for (const char* option :
       {"--model DIR", "--data FILE", "--format tsv|jsonl|csv", "--skip-bad-rows", "--keep-macs SHARE",
        "--target-speedup X", "--max-drop POINTS", "--out DIR", "--dense [DIR]", "--method METHOD", "--no-refit",
        "--texts N", "--held-out N", "--seed N", "--threads N", "--json"}) {
    EXPECT_THAT(help, HasSubstr(option));
  }
}

TEST(PruneHelp, HasExamples) {
  const CommandResult result = RunTool("prune --help");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("Usage: "), HasSubstr("Examples:\n  ")));
  EXPECT_THAT(result.errors, IsEmpty());
}

TEST(PruneHelp, IsLedToByTheToolsOwn) {
  EXPECT_THAT(RunTool("--help").output, HasSubstr("\n  prune "));
}

}  // namespace
}  // namespace roberta
