#pragma once

#include <CLI/App.hpp>

#include "client/cli/command.h"

namespace roberta::cli {

// Each adds subcommands that set `*exit_code` when they have run. `connection` and `exit_code` must outlive `app`.

/// `compare TEXT`: what several profiles answer, side by side.
void AddCompareCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

/// `profiles`: the table of profiles, or the response as JSON.
void AddProfilesCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

/// `load NAME`, `unload NAME` and `set-default NAME`.
void AddProfileChangeCommands(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

/// `health [SERVICE]`: SERVING is success.
void AddHealthCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

}  // namespace roberta::cli
