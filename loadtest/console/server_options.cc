#include "loadtest/console/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_join.h"
#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

namespace {

using record::kAuto;

constexpr char kAddressVariable[] = "ROBERTA_ADDRESS";
constexpr char kMetricsPort[] = ":8002";
constexpr char kAllProfiles[] = "all";

/// The host and port of a name as gRPC takes it, without its scheme; empty for one that has no host.
std::string WithoutScheme(const std::string& target) {
  for (const std::string_view scheme : {"unix:", "unix-abstract:", "vsock:"}) {
    if (target.starts_with(scheme)) return "";
  }
  for (const std::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.rfind('/');
    return target.substr(slash == std::string::npos ? scheme.size() : slash + 1);
  }
  return target;
}

}  // namespace

void DeclareServer(CLI::App* command, std::string* target, ServerOptions* options) {
  CLI::Option* target_option = command->add_option("--target", *target, "Server, as gRPC takes it (127.0.0.1:8001)")
                                   ->envname(kAddressVariable)
                                   ->type_name("HOST:PORT");
  CLI::Option* spawn =
      command
          ->add_option("--spawn", options->spawn,
                       "Start a server on this checkpoint instead, on free ports, and stop it after the run; it loads "
                       "the profiles of --profile, else its defaults")
          ->type_name("MODEL_DIR");
  command
      ->add_option(
          "--spawn-config", options->config,
          "Config of that server, a file as for roberta-server --config or its text: 'execution { executors: 2 }'")
      ->type_name("FILE|TEXT")
      ->needs(spawn);
  command->add_option("--spawn-cpus", options->cpus, "Cores that it may use: 0,2-3 (those of this program)")
      ->type_name("LIST")
      ->needs(spawn);
  command->add_option("--spawn-log", options->log, "Append its log to this file (nowhere)")
      ->type_name("FILE")
      ->needs(spawn);
  command->add_option("--spawn-timeout", options->start_timeout_seconds, "Seconds within which it must serve (600)")
      ->check(CLI::Range(0.01, 86'400.0).description(""))
      ->type_name("SECONDS")
      ->needs(spawn);
  command
      ->add_option("--server-program", options->program,
                   "Program of that server (roberta-server beside this program or on PATH)")
      ->type_name("PROGRAM")
      ->needs(spawn);
  command
      ->add_option("--metrics", options->metrics,
                   "The server's metrics page, read during runs: memory, CPU, queue and counters (that of "
                   "--spawn, or port 8002 of the target's host); none does not read it")
      ->type_name("HOST:PORT");
  CLI::Option* tls = command->add_flag("--tls", options->credentials.tls, "Connect with TLS");
  command->add_option("--ca", options->credentials.ca, "Certificate authorities to trust, PEM (those of the system)")
      ->type_name("FILE")
      ->needs(tls);
  CLI::Option* certificate =
      command->add_option("--cert", options->credentials.certificate, "Own certificate for mutual TLS, PEM")
          ->type_name("FILE")
          ->needs(tls);
  certificate->needs(
      command->add_option("--key", options->credentials.key, "Its key, PEM")->type_name("FILE")->needs(certificate));
  command->add_option("--token-file", options->credentials.token, "Send the token in this file with every request")
      ->type_name("FILE")
      ->needs(tls);
  // Not excludes(): a target of the environment gives way.
  command->parse_complete_callback([=] {
    if (spawn->empty() || target_option->empty()) return;
    const char* variable = std::getenv(kAddressVariable);
    if (variable != nullptr && target_option->results() == std::vector<std::string>{variable}) return;
    throw CLI::ExcludesError("--spawn", "--target");
  });
}

bool IsConfigText(const std::string& config) {
  return config.find('{') != std::string::npos;
}

std::vector<std::string> ServerFlags(const ServerOptions& options, const std::vector<std::string>& profiles) {
  std::vector<std::string> flags = {"--model", options.spawn};
  if (!options.config.empty() && !IsConfigText(options.config)) flags.insert(flags.end(), {"--config", options.config});
  const bool open = profiles.empty() || std::any_of(profiles.begin(), profiles.end(), [](const std::string& profile) {
                      return profile == kAuto || profile == kAllProfiles;
                    });
  if (!open) flags.insert(flags.end(), {"--profiles", absl::StrJoin(profiles, ",")});
  return flags;
}

std::string UsualMetricsAddress(const std::string& target) {
  std::string host = WithoutScheme(target);
  host = host.substr(0, host.find(','));  // the first of several
  const size_t colon = host.rfind(':');
  const bool bare_ipv6 = std::count(host.begin(), host.end(), ':') > 1 && host.front() != '[';
  if (bare_ipv6) {
    host = "[" + host + "]";
  } else if (colon != std::string::npos && host.back() != ']') {
    host.resize(colon);
  }
  return (host.empty() ? "127.0.0.1" : host) + kMetricsPort;
}

}  // namespace roberta::loadtest::console
