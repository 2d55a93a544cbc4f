#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/profiles/tool/tool_process.h"

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
  LinkDemoModel(scratch, {{"num_hidden_layers", 3}, {"intermediate_size", 1000}});
  const std::string report = ReportOfBroken(scratch);
  EXPECT_THAT(report,
              StartsWith(scratch.path() + ": 57 problems\n"));  // 3 layers too many, 3 with 3 tensors of another shape
  for (int layer = 0; layer < 3; ++layer) {
    EXPECT_THAT(report, HasSubstr("layer." + std::to_string(layer) +
                                  ".output.dense.weight\" has shape [384, 1536]; config.json makes it [384, 1000]\n"));
  }
  for (int layer = 3; layer < 6; ++layer) {
    EXPECT_THAT(report,
                HasSubstr("layer." + std::to_string(layer) + ".attention.self.key.bias\" [384] is not the model's\n"));
  }
}

TEST(Inspect, JsonReportListsEveryProblemWithItsFile) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"num_hidden_layers", 3}});
  const json report = JsonReport(ShellWord(scratch.path()));
  EXPECT_EQ(report["sound"], false);
  EXPECT_THAT(report["problems"], SizeIs(48));
  EXPECT_EQ(report["problems"][0]["file"], scratch.In("model.safetensors"));
}

TEST(Inspect, ProblemsOfConfigAndVocabularyAreToldTogether) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, {{"hidden_act", "relu"}, {"hidden_size", nullptr}});
  std::filesystem::remove(scratch.In("vocab.json"));
  EXPECT_THAT(ReportOfBroken(scratch),
              AllOf(HasSubstr("config.json: field \"hidden_act\" is \"relu\"; supported: gelu\n"),
                    HasSubstr("config.json: field \"hidden_size\" is missing\n"), HasSubstr("vocab.json")));
}

TEST(Inspect, VocabularyLargerThanTheEmbeddingsIsAProblem) {
  const ScratchDirectory scratch;
  LinkDemoModel(scratch, json::object());
  std::filesystem::remove(scratch.In("model.safetensors"));
  const json config = checkpoint_fixture::TinyConfig();
  checkpoint_fixture::WriteCheckpoint(scratch.path(), config, checkpoint_fixture::MakeTensors(config));
  EXPECT_THAT(ReportOfBroken(scratch),
              HasSubstr("config.json: field \"vocab_size\" is 11, but the vocabulary has ids up to 12287"));
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
  EXPECT_THAT(result.output, HasSubstr("\n  Unused tensors     roberta.embeddings.position_ids\n"));
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
