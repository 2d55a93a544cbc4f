#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds the subcommand prune, which makes a checkpoint smaller and faster and saves it. Its run sets `*exit_code`.
void AddPrune(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
