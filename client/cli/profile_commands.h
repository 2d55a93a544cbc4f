#pragma once

#include <CLI/App.hpp>

#include "client/cli/connection_options.h"

namespace roberta::cli {

/// `profiles`: the table of profiles, or the response as JSON. Like the others it adds a subcommand that sets
/// `*exit_code` when it has run; `connection` and `exit_code` must outlive `app`.
void AddProfilesCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

/// `load NAME`, `unload NAME` and `set-default NAME`.
void AddProfileChangeCommands(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

}  // namespace roberta::cli
