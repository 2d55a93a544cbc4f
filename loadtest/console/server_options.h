#pragma once

#include <string>
#include <vector>

#include "client/credentials.h"

namespace CLI {
class App;
}

namespace roberta::console {

/// Which server a run is against, besides `--target`.
struct ServerOptions {
  std::string spawn;    ///< checkpoint of a server of one's own; empty: --target
  std::string config;   ///< its config: a file, or text-proto if it has a brace
  std::string cpus;     ///< cores that it may use, as taskset takes them; empty: those of this program
  std::string program;  ///< empty: roberta-server beside this program or on PATH
  std::string log;      ///< file for what it says; empty: none
  double start_timeout_seconds = 600;
  client::CredentialFiles credentials;
  std::string metrics;  ///< HOST:PORT of its metrics page; "none"; empty: found out
};
inline constexpr char kNoMetrics[] = "none";

/// Adds `--target` and what else says which server.
void DeclareServer(CLI::App* command, std::string* target, ServerOptions* options);

/// Whether `config` is a text and no file.
bool IsConfigText(const std::string& config);

/// What of roberta-server's flags makes it the one asked for. `profiles`: those that are loaded; empty, or if "auto" or
/// "all" is among them: those of the config, or of the server's defaults.
std::vector<std::string> ServerFlags(const ServerOptions& options, const std::vector<std::string>& profiles);

/// Where the metrics of a server on `target` are unless somebody chose otherwise: on its host, port 8002.
std::string UsualMetricsAddress(const std::string& target);

}  // namespace roberta::console
