#pragma once

#include <CLI/App.hpp>

#include "client/cli/command.h"

namespace roberta::cli {

/// `classify TEXT... | --file FILE | -`: adds a subcommand that sets `*exit_code` when it has run. `connection` and
/// `exit_code` must outlive `app`.
void AddClassifyCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

}  // namespace roberta::cli
