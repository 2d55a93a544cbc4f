#include "client/cli/profile_commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "client/cli/exit_codes.h"
#include "client/cli/print_json.h"
#include "client/cli/profile_table.h"
#include "client/client.h"

namespace roberta::cli {

namespace {

int Profiles(const ConnectionOptions& connection, bool json) {
  client::Client client({.address = connection.address});
  const auto response = client.ListProfiles(connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  if (json) return PrintJson(*response);
  std::fputs(ProfilesText(*response).c_str(), stdout);
  return kAllWell;
}

int Load(const ConnectionOptions& connection, const std::string& name) {
  client::Client client({.address = connection.address});
  const auto response = client.LoadProfile(name, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  if (!response->failure().empty()) {
    std::fprintf(stderr, "roberta-client: %s was not loaded: %s\n", name.c_str(), response->failure().c_str());
    return kSomethingFailed;
  }
  for (const v1::LoadStep& step : response->profile().load_steps()) {
    std::printf("%-16s %.3f s\n", step.name().c_str(), step.seconds());
  }
  std::printf("%s is READY\n", name.c_str());
  return kAllWell;
}

int Unload(const ConnectionOptions& connection, const std::string& name) {
  client::Client client({.address = connection.address});
  const auto response = client.UnloadProfile(name, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  std::printf("%s is %s\n", name.c_str(), v1::ProfileState_Name(response->profile().state()).c_str());
  return kAllWell;
}

int SetDefault(const ConnectionOptions& connection, const std::string& name) {
  client::Client client({.address = connection.address});
  const auto response = client.SetDefaultProfile(name, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  std::printf("%s answers requests that name no profile\n", name.c_str());
  return kAllWell;
}

using Change = int (*)(const ConnectionOptions& connection, const std::string& name);

void AddChange(CLI::App* app, const ConnectionOptions* connection, int* exit_code, const char* command_name,
               const char* description, const char* footer, Change change) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = app->add_subcommand(command_name, description);
  command->add_option("NAME", *name, "Profile, as `profiles` lists it")->required();
  command->footer(footer);
  command->callback([=] { *exit_code = change(*connection, *name); });
}

}  // namespace

void AddProfilesCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app->add_subcommand("profiles", "Shows the server's profiles, their state and quality");
  command->add_flag("--json", *json, "Print the whole response as JSON");
  command->footer(
      "\nAccuracy and agreement with the baseline are measured on the model's sample when a profile is loaded; "
      "tokens/s is\n"
      "an estimate from the same run.\n\n"
      "Examples:\n  roberta-client profiles\n  roberta-client profiles --json");
  command->callback([=] { *exit_code = Profiles(*connection, *json); });
}

void AddProfileChangeCommands(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  AddChange(
      app, connection, exit_code, "load", "Loads a profile, or loads it again, and waits until it is READY",
      "\nA profile that misses its quality gate is not served: the command says why and ends with 1. The load goes on "
      "if\n--deadline passes before it ends.\n\n"
      "Examples:\n  roberta-client load quantized\n  roberta-client --deadline 300 load reference",
      &Load);
  AddChange(app, connection, exit_code, "unload", "Unloads a profile; requests under way are still answered by it",
            "\nThe default profile cannot be unloaded.\n\nExamples:\n  roberta-client unload quantized", &Unload);
  AddChange(app, connection, exit_code, "set-default", "Makes a READY profile the one for requests that name none",
            "\nExamples:\n  roberta-client set-default quantized", &SetDefault);
}

}  // namespace roberta::cli
