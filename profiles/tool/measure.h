#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `measure --model DIR --data FILE`: how fast and how large every profile of a checkpoint is on this host. When
/// the subcommand has run, `*exit_code` is 0, or 1 where a profile could not be loaded or run, or anything else failed.
void AddMeasure(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
