#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>

#include "tests/profiles/tool/tool_process.h"
#include "tests/test_paths.h"

namespace roberta {
namespace {

using checkpoint_fixture::ReadFile;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using checkpoint_fixture::WriteFile;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using tool_process::DemoModel;
using tool_process::RunTool;

constexpr char kLabeled[] = "label\ttext\npositive\tA warm, funny film.\nnegative\tA dull, lifeless mess.\n";

class Evaluate : public testing::Test {
 protected:
  /// A file of examples, as a word of a shell command.
  std::string Examples(const std::string& text, const std::string& name = "dev.tsv") const {
    WriteFile(scratch_.In(name), text);
    return ShellWord(scratch_.In(name));
  }

  /// On the demo model, baseline only unless `arguments` say otherwise.
  static checkpoint_fixture::CommandResult Run(const std::string& data, const std::string& arguments,
                                               const std::string& profiles = "baseline") {
    return RunTool("evaluate --model " + DemoModel() + " --data " + data + " --profiles " + profiles + " " + arguments);
  }

  static json ReportOf(const std::string& arguments) {
    const auto result = RunTool("evaluate --json " + arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    json report = json::parse(result.output, nullptr, false);
    EXPECT_TRUE(report.is_object()) << result.output;
    return report;
  }

  const ScratchDirectory scratch_;
};

TEST_F(Evaluate, EveryProfileIsReportedUnderTheDocumentedNames) {
  const json report = ReportOf("--model " + DemoModel() + " --data " + Examples(kLabeled));
  ASSERT_GE(report["profiles"].size(), 5u);
  for (const json& profile : report["profiles"]) {
    for (const char* name : {"name", "accuracy", "macro_f1", "agreement", "flips", "mean_abs_dp", "max_abs_dp", "ece",
                             "examples", "confusion", "status", "reason", "gate", "accuracy_difference",
                             "accuracy_difference_low", "accuracy_difference_high"}) {
      EXPECT_TRUE(profile.contains(name)) << name;
    }
    EXPECT_EQ(profile["status"], "ok");
    EXPECT_EQ(profile["examples"], 2);
  }
}

TEST_F(Evaluate, BaselineAgreesWithItself) {
  const json profile = ReportOf("--profiles baseline --model " + DemoModel() + " --data " + Examples(kLabeled));
  EXPECT_THAT(profile["profiles"], testing::SizeIs(1));
  const json& baseline = profile["profiles"][0];
  EXPECT_EQ(baseline["agreement"], 1);
  EXPECT_EQ(baseline["max_abs_dp"], 0);
  EXPECT_EQ(baseline["gate"], "passed");
  EXPECT_EQ(baseline["accuracy"], 1);
  EXPECT_EQ(baseline["confusion"], json({{1, 0}, {0, 1}}));
}

TEST_F(Evaluate, TheDemoModelKeepsItsAccuracyOnTheDevelopmentSet) {
  ROBERTA_SHARED_OR_SKIP(data, "data/sst2/dev.tsv");
  const json report = ReportOf("--profiles baseline,quantized --model " + DemoModel() + " --data " + ShellWord(data));
  const json& baseline = report["profiles"][0];
  EXPECT_EQ(baseline["examples"], 872);
  EXPECT_NEAR(baseline["accuracy"].get<double>(), 770.0 / 872, 1.5 / 872);
  EXPECT_NEAR(baseline["macro_f1"].get<double>(), baseline["accuracy"].get<double>(), 0.01);  // of two balanced labels
  EXPECT_LE(baseline["flips"].get<int>(), 1);
  EXPECT_EQ(report["profiles"][1]["flips"], 0);
  EXPECT_EQ(report["profiles"][1]["gate"], "passed");
}

TEST_F(Evaluate, AProfileThatMissesItsGateIsMeasuredAllTheSame) {
  const ScratchDirectory dense_alone;
  tool_process::LinkDemoModel(dense_alone, json::object());
  const json report =
      ReportOf("--profiles pruned --model " + ShellWord(dense_alone.path()) + " --data " + DemoModel() + "/sample.tsv");
  const json& pruned = report["profiles"][0];
  EXPECT_EQ(pruned["status"], "ok");
  EXPECT_EQ(pruned["gate"], "missed");
  EXPECT_THAT(pruned["reason"].get<std::string>(), HasSubstr("agreement is below 90.00 %"));
  EXPECT_LT(pruned["agreement"].get<double>(), 0.9);
}

TEST_F(Evaluate, WithoutLabelsThereIsAgreementStill) {
  const json report = ReportOf("--profiles quantized --model " + DemoModel() + " --data " +
                               Examples("{\"text\": \"A warm film.\"}\n{\"text\": \"A mess.\"}\n", "texts.jsonl"));
  const json& quantized = report["profiles"][0];
  EXPECT_EQ(quantized["agreement"], 1);
  for (const char* name : {"accuracy", "macro_f1", "ece", "confusion"}) EXPECT_TRUE(quantized[name].is_null()) << name;
}

TEST_F(Evaluate, AMultiLabelOrARegressionModelHasAgreementToo) {
  const std::pair<const char*, const char*> examples[] = {
      {"models/odd-multilabel-bf16", "label\ttext\n0,1\tA warm, funny film.\n\tA dull, lifeless mess.\n"},
      {"models/regression-fp16", "label\ttext\n0.5\tA warm, funny film.\n-1\tA dull, lifeless mess.\n"}};
  for (const auto& [model, text] : examples) {
    ROBERTA_SHARED_OR_SKIP(directory, model);
    const json report = ReportOf("--profiles amp --model " + ShellWord(directory) + " --data " + Examples(text));
    EXPECT_EQ(report["profiles"][0]["agreement"], 1) << model;
    EXPECT_TRUE(report["profiles"][0]["accuracy"].is_number()) << model;
  }
}

TEST_F(Evaluate, TheFormatsSayTheSame) {
  const std::string tsv = Run(Examples(kLabeled), "--csv -").output;
  EXPECT_THAT(tsv, Not(IsEmpty()));
  const std::string csv = "label,text\npositive,\"A warm, funny film.\"\nnegative,\"A dull, lifeless mess.\"\n";
  EXPECT_EQ(Run(Examples(csv, "dev.csv"), "--csv -").output, tsv);
  EXPECT_EQ(Run(Examples(csv, "dev.dat"), "--format csv --csv -").output, tsv);
}

TEST_F(Evaluate, ABadRowStopsTheRun) {
  const auto result = Run(Examples(std::string(kLabeled) + "great\tYes.\n"), "");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, IsEmpty());
  EXPECT_EQ(result.errors, "error: " + scratch_.In("dev.tsv") +
                               ":4: label \"great\" is neither a label of the model nor the index of one\n");
}

TEST_F(Evaluate, BadRowsThatAreSkippedAreTold) {
  const auto result = Run(Examples(std::string(kLabeled) + "great\tYes.\n"), "--skip-bad-rows --json");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(json::parse(result.output)["skipped_rows"], 1);
  EXPECT_EQ(result.errors, "skipped: " + scratch_.In("dev.tsv") +
                               ":4: label \"great\" is neither a label of the model nor the index of one\n");
}

TEST_F(Evaluate, AnEmptyFileIsOneLine) {
  EXPECT_EQ(Run(Examples(""), "").errors, "error: " + scratch_.In("dev.tsv") + ": there is nothing in it\n");
}

TEST_F(Evaluate, TextsThatAreCutAreCounted) {
  std::string text = "text\n";
  for (int i = 0; i < 600; ++i) text += "film ";
  const json report = ReportOf("--profiles baseline --model " + DemoModel() + " --data " + Examples(text + "\nfine\n"));
  EXPECT_EQ(report["truncated_texts"], 1);
}

TEST_F(Evaluate, TheCsvFileHasALineForEachProfile) {
  const auto result = Run(Examples(kLabeled), "--csv " + ShellWord(scratch_.In("quality.csv")), "baseline,quantized");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("macro F1"));
  EXPECT_THAT(ReadFile(scratch_.In("quality.csv")),
              AllOf(StartsWith("name,status,reason,examples,accuracy,macro_f1,agreement,flips,mean_abs_dp,max_abs_dp,"
                               "ece,gate,confusion,accuracy_difference,accuracy_difference_low,"
                               "accuracy_difference_high\nbaseline,ok,,2,1.0,1.0,1.0,0,0.0,0.0,"),
                    HasSubstr(",passed,\"[[1,0],[0,1]]\",,,\nquantized,ok,,2,")));
}

TEST_F(Evaluate, AFileThatCannotBeWrittenIsToldBeforeTheWork) {
  const auto result = Run("/nowhere.tsv", "--csv /no/such/place.csv");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors, "error: /no/such/place.csv: cannot create a file beside it: No such file or directory\n");
}

TEST_F(Evaluate, AFullDiskIsAnError) {
  const std::string full = "No space left on device\n";
  const std::string data = Examples(kLabeled);
  const auto file = Run(data, "--csv /dev/full");
  EXPECT_EQ(file.exit_code, 1);
  EXPECT_EQ(file.errors, "error: /dev/full: cannot write: " + full);
  const auto output = Run(data, ">/dev/full");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(output.errors, "error: cannot write to standard output: " + full);
}

TEST_F(Evaluate, ProfilesThatFailAreToldWithTheirReasons) {
  tool_process::LinkDemoModel(scratch_, json::object());
  std::filesystem::remove(scratch_.In("model.safetensors"));
  json config = checkpoint_fixture::TinyConfig();
  config["vocab_size"] = 12288;
  auto tensors = checkpoint_fixture::MakeTensors(config);
  const float not_a_number = std::nanf("");
  std::memcpy(checkpoint_fixture::Find(tensors, "classifier.out_proj.bias").bytes.data(), &not_a_number, 4);
  checkpoint_fixture::WriteCheckpoint(scratch_.path(), config, tensors);
  const auto result = RunTool("evaluate --json --profiles baseline,quantized --model " + ShellWord(scratch_.path()) +
                              " --data " + Examples("text\nfine\n"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, StartsWith("error: baseline, which profiles are compared with: "));
  const json report = json::parse(result.output);
  ASSERT_EQ(report["profiles"].size(), 2u);
  for (const json& profile : report["profiles"]) {
    EXPECT_EQ(profile["status"], "failed");
    EXPECT_THAT(profile["reason"].get<std::string>(), HasSubstr("holds nan"));
    EXPECT_TRUE(profile["agreement"].is_null());
  }
}

TEST_F(Evaluate, AnUnknownProfileIsNamedWithThoseThereAre) {
  const auto result = Run(Examples(kLabeled), "", "baseline,fast");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, AllOf(HasSubstr("fast"), HasSubstr("quantized")));
}

TEST_F(Evaluate, OneOutputTakesOneReport) {
  EXPECT_EQ(Run(Examples(kLabeled), "--json --csv -").exit_code, 2);
}

}  // namespace
}  // namespace roberta
