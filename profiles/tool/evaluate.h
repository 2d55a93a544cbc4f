#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `evaluate --model DIR --data FILE`: what every profile of a checkpoint costs in quality. When the subcommand
/// has run, `*exit_code` is 0, or 1 where a profile could not be loaded or run, or anything else failed.
void AddEvaluate(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
