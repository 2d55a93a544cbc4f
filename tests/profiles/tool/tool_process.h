#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/checkpoint/run_command.h"

namespace roberta::tool_process {

/// The built roberta-model as a word of a shell command.
std::string ToolWord();

/// Runs roberta-model with `arguments`, as the shell splits them. `errors` of the result is without the lines of
/// progress, which a slow machine has and a fast one has not.
checkpoint_fixture::CommandResult RunTool(const std::string& arguments, std::string_view input = "");

/// The demo model of the repository, as a word of a shell command.
std::string DemoModel();

/// Makes `scratch` a checkpoint with the demo model's files, but for config.json, which is its own and lacks or has
/// what `patch` (RFC 7396) says.
void LinkDemoModel(const checkpoint_fixture::ScratchDirectory& scratch, const nlohmann::json& patch);

/// JSON lines.
std::vector<nlohmann::json> ParseLines(const std::string& lines);

}  // namespace roberta::tool_process
