#include "client/cli/server_commands.h"

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/displayed_text.h"
#include "client/cli/exit_codes.h"
#include "client/client.h"

namespace roberta::cli {

namespace {

/// Rows under a header, each column as wide as its widest cell.
void PrintTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], ColumnsOf(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, i > 0 ? "  " : "", FitToColumns(row[i], widths[i]));
    line.erase(line.find_last_not_of(' ') + 1);
    std::printf("%s\n", line.c_str());
  }
}

std::vector<std::string> Row(const v1::ProfileInfo& profile, bool is_default) {
  const bool ready = profile.state() == v1::READY;
  return {absl::StrCat(profile.name(), is_default ? " (default)" : ""),
          v1::ProfileState_Name(profile.state()),
          profile.precision().empty() ? "-" : profile.precision(),
          ready ? absl::StrFormat("%.1f MiB", static_cast<double>(profile.weight_bytes()) / (1 << 20)) : "-",
          ready ? absl::StrFormat("%.2f s", profile.load_seconds()) : "-",
          ready ? absl::StrJoin(profile.kernels(), ", ") : profile.reason()};
}

int PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    std::fprintf(stderr, "roberta-client: the response is not valid UTF-8\n");
    return kSomethingFailed;
  }
  std::fputs(json.c_str(), stdout);
  return kAllWell;
}

int Profiles(const ConnectionOptions& connection, bool json) {
  client::Client client({.address = connection.address});
  const auto response = client.ListProfiles(connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  if (json) return PrintJson(*response);
  std::vector<std::vector<std::string>> rows = {
      {"profile", "state", "precision", "weights", "loaded in", "kernels or reason"}};
  for (const v1::ProfileInfo& profile : response->profiles()) {
    rows.push_back(Row(profile, profile.name() == response->default_profile()));
  }
  PrintTable(rows);
  std::printf("\nmodel %s, revision %s, at most %u tokens, labels: %s\n", response->model().c_str(),
              response->model_revision().c_str(), response->max_tokens(),
              absl::StrJoin(response->labels(), ", ").c_str());
  return kAllWell;
}

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
  const std::string message(status.message());
  if (absl::IsUnavailable(status)) {
    std::fprintf(stderr, "roberta-client: cannot reach %s: %s\n", connection.address.c_str(), message.c_str());
    return kServerUnreachable;
  }
  std::fprintf(stderr, "roberta-client: %s: %s\n", absl::StatusCodeToString(status.code()).c_str(), message.c_str());
  return kSomethingFailed;
}

void AddProfilesCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app->add_subcommand("profiles", "Shows the server's profiles and their state");
  command->add_flag("--json", *json, "Print the whole response as JSON");
  command->footer("\nExamples:\n  roberta-client profiles\n  roberta-client profiles --json");
  command->callback([=] { *exit_code = Profiles(*connection, *json); });
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
