#pragma once

#include <CLI/CLI.hpp>

namespace roberta::tool {

/// Adds `calibrate --model DIR --data FILE`: measures by what int8 profiles of a checkpoint, and of its pruned variant,
/// are smoothed, and stores it beside them where it helps. When the subcommand has run, `*exit_code` is 0, also where
/// nothing helps, or 1 where something failed.
void AddCalibrate(CLI::App* app, int* exit_code);

}  // namespace roberta::tool
