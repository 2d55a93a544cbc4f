#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/results.h"
#include "client/client.h"

namespace roberta::cli {
namespace {

struct CompareOptions {
  std::string text;
  std::optional<std::string> pair;
  std::vector<std::string> profiles;
  bool truncate = false;
  bool json = false;
};

int Compare(const ConnectionOptions& connection, const CompareOptions& options) {
  v1::CompareRequest request;
  request.mutable_item()->set_text(options.text);
  if (options.pair) request.mutable_item()->set_text_pair(*options.pair);
  for (const std::string& profile : options.profiles) request.add_profiles(profile);
  if (options.truncate) request.set_truncation(v1::TRUNCATION_RIGHT);
  client::Client client(connection.server());
  const auto response = client.Compare(request, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  const bool all_answered = std::ranges::all_of(response->comparisons(), &v1::ProfileComparison::has_classification);
  const int exit_code = all_answered ? kAllWell : kSomethingFailed;
  if (options.json) return std::max(PrintJson(*response), exit_code);
  std::fputs(ComparisonText(*response).c_str(), stdout);
  return exit_code;
}

int Profiles(const ConnectionOptions& connection, bool json) {
  client::Client client(connection.server());
  const auto response = client.ListProfiles(connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  if (json) return PrintJson(*response);
  std::fputs(ProfilesText(*response).c_str(), stdout);
  return kAllWell;
}

int Load(const ConnectionOptions& connection, const std::string& name) {
  client::Client client(connection.server());
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
  client::Client client(connection.server());
  const auto response = client.UnloadProfile(name, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  std::printf("%s is %s\n", name.c_str(), v1::ProfileState_Name(response->profile().state()).c_str());
  return kAllWell;
}

int SetDefault(const ConnectionOptions& connection, const std::string& name) {
  client::Client client(connection.server());
  const auto response = client.SetDefaultProfile(name, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  std::printf("%s is the default, for requests that name no profile\n", name.c_str());
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

int Health(const ConnectionOptions& connection, const std::string& service) {
  client::Client client(connection.server());
  const auto health = client.CheckHealth(service, connection.timeout());
  if (!health.ok()) {
    ReportFailure(connection, health.status());
    return kSomethingFailed;  // container engines know 0 and 1
  }
  std::printf("%s\n", std::string(HealthName(*health)).c_str());
  return *health == client::Health::kServing ? kAllWell : kSomethingFailed;
}

int WatchHealth(const ConnectionOptions& connection, const std::string& service) {
  constexpr std::chrono::hours kForever(24 * 365);
  client::Client client(connection.server());
  const absl::Status status = client.WatchHealth(service, kForever, [](client::Health health) {
    std::printf("%s\n", std::string(HealthName(health)).c_str());
    return std::fflush(stdout) == 0;
  });
  return status.ok() ? static_cast<int>(kSomethingFailed) : ReportFailure(connection, status);
}

void AddCompareCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app->add_subcommand("compare", "Shows what several profiles answer to one text, side by side");
  command->add_option("TEXT", options->text, "The text")->required()->transform(WithoutMark);
  command->add_option("--pair", options->pair, "Second text of a pair");
  command->add_option("--profiles", options->profiles, "Profiles, separated by commas (all that are READY)")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_flag("--truncate", options->truncate, "Drop the end of a text of too many tokens");
  command->add_flag("--json", options->json, "Print the whole response as JSON");
  command->footer(
      "\nEach profile runs the text once untimed and three times timed, of which the fastest counts. (!) marks another "
      "label\nthan the baseline's; |dp| is the largest difference of a label's score. A profile that is not READY is "
      "shown with the\nreason, and the exit code is then 1.\n\n"
      "Examples:\n"
      "  roberta-client compare \"a warm, funny film\"\n"
      "  roberta-client compare --profiles baseline,quantized --json \"not bad at all\"");
  command->callback([=] { *exit_code = Compare(*connection, *options); });
}

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
  AddChange(app, connection, exit_code, "unload", "Unloads a profile; it still answers requests that are in flight",
            "\nThe default profile cannot be unloaded.\n\nExamples:\n  roberta-client unload quantized", &Unload);
  AddChange(app, connection, exit_code, "set-default",
            "Makes a READY profile the default, for requests that name no profile",
            "\nExamples:\n  roberta-client set-default quantized", &SetDefault);
}

void AddHealthCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  struct Options {
    std::string service;
    bool watch = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app->add_subcommand("health", "Prints the health of the server; exit code 0 for SERVING, else 1");
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

}  // namespace

void AddServerCommands(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  AddCompareCommand(app, connection, exit_code);
  AddProfilesCommand(app, connection, exit_code);
  AddProfileChangeCommands(app, connection, exit_code);
  AddHealthCommand(app, connection, exit_code);
}

}  // namespace roberta::cli
