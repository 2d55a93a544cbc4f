#include "tests/profiles/tool/tool_process.h"

#include <filesystem>
#include <sstream>

#include "tests/test_paths.h"

namespace roberta::tool_process {

using checkpoint_fixture::ShellWord;

namespace {

std::string WithoutProgress(const std::string& errors) {
  std::istringstream stream(errors);
  std::string rest;
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind("progress: ", 0) != 0) rest += line + "\n";
  }
  return rest;
}

}  // namespace

std::string ToolWord() {
  return ShellWord(ROBERTA_MODEL_BINARY);
}

checkpoint_fixture::CommandResult RunTool(const std::string& arguments, std::string_view input) {
  checkpoint_fixture::CommandResult result = checkpoint_fixture::RunCommand(ToolWord() + " " + arguments, input);
  result.errors = WithoutProgress(result.errors);
  return result;
}

std::string DemoModel() {
  return ShellWord(test_paths::InRepository("models/demo-sst2"));
}

void LinkDemoModel(const checkpoint_fixture::ScratchDirectory& scratch, const nlohmann::json& patch) {
  const std::string demo = test_paths::InRepository("models/demo-sst2/");
  for (const char* name : {"model.safetensors", "vocab.json", "merges.txt"}) {
    std::filesystem::create_symlink(demo + name, scratch.In(name));
  }
  auto config = nlohmann::json::parse(checkpoint_fixture::ReadFile(demo + "config.json"));
  config.merge_patch(patch);
  checkpoint_fixture::WriteFile(scratch.In("config.json"), config.dump());
}

std::vector<nlohmann::json> ParseLines(const std::string& lines) {
  std::istringstream stream(lines);
  std::vector<nlohmann::json> parsed;
  for (std::string line; std::getline(stream, line);) parsed.push_back(nlohmann::json::parse(line, nullptr, false));
  return parsed;
}

}  // namespace roberta::tool_process
