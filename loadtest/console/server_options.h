#pragma once

#include <string>
#include <vector>

#include "client/credentials.h"

namespace CLI {
class App;
}

namespace roberta::loadtest::console {

/// Which server to measure, besides `--target`.
struct ServerOptions {
  std::string spawn;    ///< checkpoint of a server that this program starts; empty: --target
  std::string config;   ///< its config: a file, or text-proto if it has a brace
  std::string cpus;     ///< cores that it may use, as taskset takes them; empty: those of this program
  std::string program;  ///< empty: roberta-server beside this program or on PATH
  std::string log;      ///< file for its log; empty: none
  double start_timeout_seconds = 600;
  client::CredentialFiles credentials;
  std::string metrics;  ///< HOST:PORT of its metrics page; "none"; empty: found out
};
inline constexpr char kNoMetrics[] = "none";

/// Adds `--target` and the other options that choose the server.
void DeclareServer(CLI::App* command, std::string* target, ServerOptions* options);

/// Whether `config` is a text and not the name of a file.
bool IsConfigText(const std::string& config);

/// The flags of roberta-server for these options. `profiles`: those to load; if it is empty or contains "auto" or
/// "all", the server loads those of its config or its defaults.
std::vector<std::string> ServerFlags(const ServerOptions& options, const std::vector<std::string>& profiles);

/// The default address of the metrics of a server on `target`: its host, port 8002.
std::string UsualMetricsAddress(const std::string& target);

}  // namespace roberta::loadtest::console
