#pragma once

#include <CLI/App.hpp>

#include "client/cli/connection_options.h"

namespace roberta::cli {

/// `compare TEXT`: adds a subcommand that sets `*exit_code` when it has run. `connection` and `exit_code` must outlive
/// `app`.
void AddCompareCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

}  // namespace roberta::cli
