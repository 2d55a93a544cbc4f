#include "server/app/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "profiles/cores/cores.h"
#include "server/app/options.h"
#include "server/config/server_config.h"
#include "version/version.h"

namespace roberta::app {
namespace {

constexpr char kDescription[] =
    "roberta-server serves a RoBERTa classifier over gRPC (roberta.v1.Classifier, roberta.v1.Profiles, "
    "grpc.health.v1.Health, "
    "reflection) and its metrics over HTTP.";

constexpr char kFooter[] = R"(
Flags win over environment variables, these over the config file. Unknown config fields are errors.

Examples:
  roberta-server --model models/demo-sst2
  roberta-server --model models/demo-sst2 --host 0.0.0.0 --port 9001 --profiles baseline,reference
  roberta-server --model models/demo-sst2 --log-format json --log-requests --slow-request-ms 200
  roberta-server --config server.textproto --check-config
  roberta-server --model models/demo-sst2 --print-config=json > server.json

Exit codes: 0 stopped by a signal after finishing what it had accepted, 1 could not start or could not finish in time, 2 wrong usage.)";

struct Flags {
  std::string config_file;
  config::Overrides overrides;
  bool check_config = false;
  std::string print_config;
};

template <typename Value>
CLI::Option* AddOverride(CLI::App& app, const char* flag, std::optional<Value>& target, const char* environment,
                         const char* help) {
  return app
      .add_option_function<Value>(
          flag, [&target](const Value& value) { target = value; }, help)
      ->envname(environment);
}

void Declare(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", std::string("roberta-server ") + version::kLong, "Print the version and exit");
  app.add_option("--config", flags.config_file, "ServerConfig file: JSON if it ends in .json, else text-proto")
      ->envname("ROBERTA_CONFIG")
      ->type_name("FILE");
  config::Overrides& overrides = flags.overrides;
  AddOverride(app, "--model", overrides.model_directory, "ROBERTA_MODEL", "Checkpoint directory")->type_name("DIR");
  AddOverride(app, "--host", overrides.host, "ROBERTA_HOST", "Address to listen on (127.0.0.1)");
  AddOverride(app, "--port", overrides.port, "ROBERTA_PORT", "gRPC port (8001); 0 takes a free one");
  AddOverride(app, "--metrics-port", overrides.metrics_port, "ROBERTA_METRICS_PORT",
              "HTTP port of /metrics (8002); 0 takes a free one");
  app.add_option("--profiles", overrides.profiles,
                 "Profiles to load, separated by commas (all of the config, or all but reference)")
      ->delimiter(',')
      ->envname("ROBERTA_PROFILES");
  AddOverride(app, "--default-profile", overrides.default_profile, "ROBERTA_DEFAULT_PROFILE",
              "Profile for requests that name no profile (the first of --profiles)");
  AddOverride(app, "--log-format", overrides.log_format, "ROBERTA_LOG_FORMAT", "text or json");
  AddOverride(app, "--log-level", overrides.log_level, "ROBERTA_LOG_LEVEL", "trace, debug, info, warn or error");
  AddOverride(app, "--slow-request-ms", overrides.slow_request_ms, "ROBERTA_SLOW_REQUEST_MS",
              "Log calls that take at least so long (5000); 0: never")
      ->type_name("MS");
  app.add_flag_function(
         "--log-requests", [&overrides](int64_t count) { overrides.log_requests = count > 0; },
         "Log one line for every call, without its texts")
      ->envname("ROBERTA_LOG_REQUESTS");
  app.add_flag("--check-config", flags.check_config, "Check the configuration and the flags, then exit");
  app.add_option("--print-config", flags.print_config,
                 "Print the resulting configuration (textproto or json), then exit")
      ->expected(0, 1)
      ->default_str("textproto")
      ->check(CLI::IsMember({"textproto", "json"}));
}

Instructions Fail(const absl::Status& status) {
  std::cerr << "roberta-server: " << status.message() << "\n";
  return {.exit_code = 1, .config = {}};
}

}  // namespace

Instructions ReadCommandLine(int argc, const char* const* argv) {
  CLI::App app(kDescription, "roberta-server");
  app.footer(kFooter);
  app.get_formatter()->column_width(32);
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return {.exit_code = app.exit(success), .config = {}};
  } catch (const CLI::ParseError& error) {
    std::cerr << "roberta-server: " << error.what() << " (see roberta-server --help)\n";
    return {.exit_code = 2, .config = {}};
  }
  Instructions instructions;
  if (!flags.config_file.empty()) {
    absl::StatusOr<config::ServerConfig> file = config::ReadConfigFile(flags.config_file);
    if (!file.ok()) return Fail(file.status());
    instructions.config = *std::move(file);
  }
  const std::vector<config::KnownRecipe> recipes = KnownRecipes();
  config::CompleteConfig(flags.overrides, cores::ReadCpuBudget().usable(), recipes, &instructions.config);
  absl::Status valid = config::ValidateConfig(instructions.config, recipes);
  if (!valid.ok()) return Fail(valid);
  if (app.count("--print-config") > 0) {
    const bool json = flags.print_config == "json";
    std::cout << config::PrintConfig(instructions.config, json ? config::Format::kJson : config::Format::kTextProto);
    instructions.exit_code = 0;
  } else if (flags.check_config) {
    std::cout << "the configuration is valid\n";
    instructions.exit_code = 0;
  }
  return instructions;
}

}  // namespace roberta::app
