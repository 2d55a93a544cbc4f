#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `init --out DIR`: a checkpoint of a given shape with seeded random weights, to measure speed and memory before
/// there is a trained one. When the subcommand has run, `*exit_code` is 0, or 1 where the checkpoint could not be
/// written.
void AddInit(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
