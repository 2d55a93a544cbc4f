#include "loadtest/console/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_join.h"
#include "loadtest/console/run_flags.h"
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
  const auto add = [=](const char* name, const char* type, std::string* value, const char* help) {
    return AddOption(command, name, type, value, help);
  };
  CLI::Option* target_option =
      add("--target", "HOST:PORT", target, "Server, as gRPC takes it (127.0.0.1:8001)")->envname(kAddressVariable);
  CLI::Option* spawn =
      add("--spawn", "MODEL_DIR", &options->spawn,
          "Start a server on this checkpoint instead, on free ports, and stop it after the run; it loads the profiles "
          "of --profile, else its defaults");
  add("--spawn-config", "FILE|TEXT", &options->config,
      "Config of that server, a file as for roberta-server --config or its text: 'execution { executors: 2 }'")
      ->needs(spawn);
  add("--spawn-cpus", "LIST", &options->cpus, "Cores that it may use: 0,2-3 (those of this program)")->needs(spawn);
  add("--spawn-log", "FILE", &options->log, "Append its log to this file (nowhere)")->needs(spawn);
  AddOption(command, "--spawn-timeout", "SECONDS", &options->start_timeout_seconds,
            "Seconds within which it must serve (600)")
      ->check(CLI::Range(0.01, 86'400.0).description(""))
      ->needs(spawn);
  add("--server-program", "PROGRAM", &options->program,
      "Program of that server (roberta-server beside this program or on PATH)")
      ->needs(spawn);
  add("--metrics", "HOST:PORT", &options->metrics,
      "The server's metrics page, read during runs: memory, CPU, queue and counters (that of --spawn, or port 8002 of "
      "the target's host); none does not read it");
  CLI::Option* tls = command->add_flag("--tls", options->credentials.tls, "Connect with TLS");
  add("--ca", "FILE", &options->credentials.ca, "Certificate authorities to trust, PEM (those of the system)")
      ->needs(tls);
  CLI::Option* certificate =
      add("--cert", "FILE", &options->credentials.certificate, "Own certificate for mutual TLS, PEM")->needs(tls);
  certificate->needs(add("--key", "FILE", &options->credentials.key, "Its key, PEM")->needs(certificate));
  add("--token-file", "FILE", &options->credentials.token, "Send the token in this file with every request")
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
