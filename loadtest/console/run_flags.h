#pragma once

#include <CLI/CLI.hpp>

#include "loadtest/console/run_options.h"

namespace roberta::loadtest::console {

/// Adds an option whose value is called `type` in the help.
template <typename Value>
CLI::Option* AddOption(CLI::App* command, const char* name, const char* type, Value* value, const char* help) {
  return command->add_option(name, *value, help)->type_name(type);
}

/// Adds `--target` and the other options that choose the server.
void DeclareServer(CLI::App* command, RunOptions* options);

/// Adds to `command` the options that decide which runs to make or what to search for: loads, profiles, turns,
/// objective.
void DeclareSeries(CLI::App* command, RunOptions* options);

// Groups of options; `suite` shares some of them with `run`.

void DeclareDeadline(CLI::App* command, RunOptions* options);
/// The options of a single run.
void DeclareLoad(CLI::App* command, RunOptions* options);
/// The options for the texts to send.
void DeclareTexts(CLI::App* command, RunOptions* options);

}  // namespace roberta::loadtest::console
