#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "config/server_config.pb.h"

namespace roberta::app {

/// What main must do after the command line was read.
struct Instructions {
  std::optional<int> exit_code;  ///< set: there is nothing else to do (--help, --check-config, an error): exit with it
  config::ServerConfig config;   ///< complete and valid otherwise
};

/// Reads flags, environment variables and the config file, in this order of precedence, and answers --help, --version,
/// --check-config and --print-config. Exit codes: 0, 1 for a config that is wrong or unreadable, 2 for wrong usage.
Instructions ReadCommandLine(int argc, const char* const* argv);

}  // namespace roberta::app
