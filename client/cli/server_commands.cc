#include "client/cli/server_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "client/cli/exit_codes.h"
#include "client/client.h"

namespace roberta::cli {

namespace {

int Health(const ConnectionOptions& connection, const std::string& service) {
  client::Client client({.address = connection.address});
  const auto health = client.CheckHealth(service, connection.timeout());
  if (!health.ok()) return ReportFailure(connection, health.status());
  std::printf("%s\n", std::string(HealthName(*health)).c_str());
  return *health == client::Health::kServing ? kAllWell : kSomethingFailed;
}

int WatchHealth(const ConnectionOptions& connection, const std::string& service) {
  constexpr std::chrono::hours kForever(24 * 365);
  client::Client client({.address = connection.address});
  const absl::Status status = client.WatchHealth(service, kForever, [](client::Health health) {
    std::printf("%s\n", std::string(HealthName(health)).c_str());
    return std::fflush(stdout) == 0;
  });
  return status.ok() ? static_cast<int>(kSomethingFailed) : ReportFailure(connection, status);
}

}  // namespace

int ReportFailure(const ConnectionOptions& connection, const absl::Status& status) {
  std::string message(status.message());
  if (const std::string id = client::RequestId(status); !id.empty()) message += " (request " + id + ")";
  if (absl::IsUnavailable(status)) {
    std::fprintf(stderr, "roberta-client: cannot reach %s: %s\n", connection.address.c_str(), message.c_str());
    return kServerUnreachable;
  }
  std::fprintf(stderr, "roberta-client: %s: %s\n", absl::StatusCodeToString(status.code()).c_str(), message.c_str());
  return kSomethingFailed;
}

void AddHealthCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  struct Options {
    std::string service;
    bool watch = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app->add_subcommand("health", "Prints the health of the server; exit code 0 only for SERVING");
  command->add_option("SERVICE", options->service,
                      "A service (roberta.v1.Classifier) or a profile (profile/baseline) instead of the whole server");
  command->add_flag("--watch", options->watch, "Print every change until Ctrl-C");
  command->footer(
      "\nExamples:\n  roberta-client health\n  roberta-client health profile/baseline\n  roberta-client health "
      "--watch");
  command->callback([=] {
    *exit_code = options->watch ? WatchHealth(*connection, options->service) : Health(*connection, options->service);
  });
}

}  // namespace roberta::cli
