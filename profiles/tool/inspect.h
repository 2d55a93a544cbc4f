#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `inspect DIR [--json]`: what a checkpoint is, or all that is wrong with it. When the subcommand has run,
/// `*exit_code` is 0 for a sound checkpoint and 1 otherwise, also where the report could not be written.
void AddInspect(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
