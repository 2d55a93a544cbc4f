#pragma once

#include <CLI/CLI.hpp>

#include "loadtest/console/run_options.h"

namespace roberta::console {

/// As CLI::Range, which lets through what is no number.
CLI::Validator Between(double least, double most);

/// Adds to `command` what decides which runs there are, and what is looked for: loads, profiles, turns, objective.
void DeclareSeries(CLI::App* command, RunOptions* options);

}  // namespace roberta::console
