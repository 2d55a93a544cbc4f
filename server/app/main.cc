#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "profiles/machine/cores.h"
#include "profiles/terminal/terminal.h"
#include "server/app/access.h"
#include "server/app/logging.h"
#include "server/app/options.h"
#include "server/app/server.h"
#include "server/app/token_command.h"
#include "server/config/server_config.h"
#include "version/version.h"

namespace {

namespace config = roberta::config;
namespace version = roberta::version;

constexpr char kDescription[] =
    "roberta-server serves a RoBERTa classifier over gRPC (roberta.v1.Classifier, roberta.v1.Profiles, "
    "grpc.health.v1.Health, reflection), JSON over HTTP, and its metrics.";

constexpr char kFooter[] = R"(
Flags win over environment variables, these over the config file. Unknown config fields are errors.

Examples:
  roberta-server --model models/demo-sst2
  roberta-server --model models/demo-sst2 --port 9001 --profiles baseline,reference
  roberta-server --model models/demo-sst2 --log-format json --log-requests --slow-request-ms 200
  roberta-server --config server.textproto --check-config
  roberta-server make-token --name app --role inference --file callers > token
  roberta-server --model models/demo-sst2 --print-config=json > server.json

Exit codes: 0 stopped by a signal after finishing what it had accepted, 1 could not start or could not finish in time, 2 wrong usage.)";

struct Flags {
  std::string config_file;
  config::Overrides overrides;
  bool check_config = false;
  std::string print_config;
  roberta::app::TokenRequest token;  ///< of make-token
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
  AddOverride(app, "--unix-socket", overrides.unix_socket, "ROBERTA_UNIX_SOCKET", "Unix socket with gRPC as well")
      ->type_name("PATH");
  app.add_option_function<std::string>(
         "--http-port",
         [&overrides](const std::string& value) {
           overrides.http = value != "off";
           uint32_t port = 0;
           const char* const end = value.data() + value.size();
           if (!*overrides.http) return;
           if (std::from_chars(value.data(), end, port).ptr != end) {
             throw CLI::ValidationError("--http-port", "neither a port nor off: " + value);
           }
           overrides.http_port = port;
         },
         "Port of JSON over HTTP (8000 if the host is loopback, else off); 0 takes a free one, off: none")
      ->envname("ROBERTA_HTTP_PORT")
      ->type_name("PORT|off");
  app.add_option("--profiles", overrides.profiles,
                 "Profiles to load, separated by commas (all of the config, or all but reference)")
      ->delimiter(',')
      ->envname("ROBERTA_PROFILES");
  AddOverride(app, "--default-profile", overrides.default_profile, "ROBERTA_DEFAULT_PROFILE",
              "Profile for requests that name no profile (the first of --profiles)");
  AddOverride(app, "--log-format", overrides.log_format, "ROBERTA_LOG_FORMAT", "Format of the log (text)")
      ->type_name("text|json");
  AddOverride(app, "--log-level", overrides.log_level, "ROBERTA_LOG_LEVEL", "What is logged (info)")
      ->type_name("trace|debug|info|warn|error");
  AddOverride(app, "--slow-request-ms", overrides.slow_request_ms, "ROBERTA_SLOW_REQUEST_MS",
              "Log calls that take at least so long (5000); 0: never")
      ->type_name("MS");
  app.add_flag_function(
         "--log-requests", [&overrides](int64_t count) { overrides.log_requests = count > 0; },
         "Log one line for every call, without its texts")
      ->envname("ROBERTA_LOG_REQUESTS");
  AddOverride(app, "--tls-certificate", overrides.tls_certificate, "ROBERTA_TLS_CERTIFICATE",
              "PEM file of the server's certificate and those that lead to its CA; enables TLS")
      ->type_name("FILE");
  AddOverride(app, "--tls-key", overrides.tls_key, "ROBERTA_TLS_KEY", "PEM file of its private key")->type_name("FILE");
  AddOverride(app, "--tls-client-ca", overrides.tls_client_ca, "ROBERTA_TLS_CLIENT_CA",
              "PEM file of the CAs of callers' certificates")
      ->type_name("FILE");
  AddOverride(app, "--credentials-file", overrides.credentials_file, "ROBERTA_CREDENTIALS_FILE",
              "Who may call: lines NAME ROLE SHA256 or NAME ROLE certificate:IDENTITY")
      ->type_name("FILE");
  AddOverride(app, "--anonymous-role", overrides.anonymous_role, "ROBERTA_ANONYMOUS_ROLE",
              "Role of callers without credentials (admin, or none if there is a credentials file or a client CA)")
      ->type_name("none|metadata|inference|admin");
  app.add_flag_function(
         "--allow-insecure", [&overrides](int64_t count) { overrides.allow_insecure = count > 0; },
         "Listen on other addresses than loopback without TLS, or with profiles for everybody to load and unload")
      ->envname("ROBERTA_ALLOW_INSECURE");
  app.add_flag("--check-config", flags.check_config,
               "Check the configuration, the flags, and the files of TLS and credentials, then exit");
  app.add_option("--print-config", flags.print_config,
                 "Print the resulting configuration (textproto or json), then exit")
      ->expected(0, 1)
      ->default_str("textproto")
      ->check(CLI::IsMember({"textproto", "json"}));
}

CLI::App* DeclareMakeToken(CLI::App& app, roberta::app::TokenRequest& token) {
  CLI::App* command = app.add_subcommand(
      "make-token", "Make a bearer token, which is printed once, and its line of a credentials file");
  command->add_option("--name", token.name, "Who shall call with it: 1 to 64 of A-Z a-z 0-9 _ . -")->required();
  command->add_option("--role", token.role, "metadata, inference or admin")->required();
  command->add_option("--file", token.file, "Credentials file to add the line to")->type_name("FILE");
  return command;
}

/// What main must do after the command line was read.
struct Instructions {
  std::optional<int> exit_code;  ///< set: there is nothing else to do (--help, --check-config, an error): exit with it
  config::ServerConfig config;   ///< complete and valid otherwise
};

/// Returns the exit code.
int Report(const absl::Status& status) {
  std::cerr << "roberta-server: " << status.message() << "\n";
  return 1;
}

/// Prints the token alone to standard output, so that it can go to a file.
int RunMakeToken(const roberta::app::TokenRequest& request) {
  const absl::StatusOr<roberta::app::NewCredential> made = roberta::app::MakeToken(request);
  if (!made.ok()) return Report(made.status());
  std::cerr << (request.file.empty() ? "line for the credentials file: " : "added to " + request.file + ": ")
            << made->entry << "\n";
  std::cout << made->token << "\n";
  return 0;
}

/// Reads flags, environment variables and the config file, in this order of precedence, and answers --help, --version,
/// --check-config and --print-config. Exit codes: 0, 1 for a config that is wrong or unreadable, 2 for wrong usage.
Instructions ReadCommandLine(int argc, const char* const* argv) {
  CLI::App app(kDescription, "roberta-server");
  app.footer(kFooter);
  app.get_formatter()->column_width(32);
  Flags flags;
  Declare(app, flags);
  const CLI::App* const make_token = DeclareMakeToken(app, flags.token);
  roberta::terminal::AddCompletion(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return {.exit_code = app.exit(success), .config = {}};
  } catch (const CLI::ParseError& error) {
    std::cerr << "roberta-server: " << error.what() << " (see roberta-server --help)\n";
    return {.exit_code = 2, .config = {}};
  }
  if (make_token->parsed()) return {.exit_code = RunMakeToken(flags.token), .config = {}};
  Instructions instructions;
  if (!flags.config_file.empty()) {
    absl::StatusOr<config::ServerConfig> file = config::ReadConfigFile(flags.config_file);
    if (!file.ok()) return {.exit_code = Report(file.status()), .config = {}};
    instructions.config = *std::move(file);
  }
  const std::vector<config::KnownRecipe> recipes = roberta::app::KnownRecipes();
  roberta::app::FitToMemory(roberta::app::ReadMemory(instructions.config), &instructions.config);
  config::CompleteConfig(flags.overrides, roberta::machine::ReadCpuBudget().usable(), recipes, &instructions.config);
  absl::Status status = config::ValidateConfig(instructions.config, recipes);
  if (status.ok() && flags.check_config) status = roberta::app::CheckAccessFiles(instructions.config);
  if (!status.ok()) {
    instructions.exit_code = Report(status);
  } else if (app.count("--print-config") > 0) {
    const bool json = flags.print_config == "json";
    std::cout << config::PrintConfig(instructions.config, json ? config::Format::kJson : config::Format::kTextProto);
    instructions.exit_code = 0;
  } else if (flags.check_config) {
    std::cout << "the configuration is valid\n";
    instructions.exit_code = 0;
  }
  return instructions;
}

int signal_pipe[2] = {-1, -1};

void WriteToPipe(int signal) {
  const int saved_errno = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = write(signal_pipe[1], &byte, 1);
  errno = saved_errno;
}

/// From now on WaitForSignal receives SIGTERM and SIGINT. Handlers of whatever signal run on a thread of their own;
/// this one and those that it starts block them: kernels that are generated at run time may move the stack pointer into
/// their workspace, and a handler's frame would then overwrite the heap. sigwait would not do, since libraries start
/// threads before main, and a stop signal would end the process there.
bool CatchStopSignals() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return false;
  struct sigaction action = {};
  action.sa_handler = WriteToPipe;
  action.sa_flags = SA_RESTART;
  if (sigaction(SIGTERM, &action, nullptr) != 0 || sigaction(SIGINT, &action, nullptr) != 0) return false;
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  std::thread([before] {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    while (true) pause();
  }).detach();
  return true;
}

/// What WriteToPipe wrote next.
int WaitForSignal() {
  unsigned char signal = 0;
  while (read(signal_pipe[0], &signal, 1) != 1) {
  }
  return signal;
}

/// Server::Start, which takes as long as profiles take to load. A signal before the first call is accepted ends the
/// process; a later one is the next that WaitForSignal gives.
absl::StatusOr<std::unique_ptr<roberta::app::Server>> StartUnlessStopped(const config::ServerConfig& config) {
  constexpr int kStarted = 0;
  enum class Phase { kLoading, kReady, kStopped };
  std::atomic<Phase> phase{Phase::kLoading};
  const auto enter = [&phase](Phase next) {
    Phase loading = Phase::kLoading;
    return phase.compare_exchange_strong(loading, next);
  };
  absl::StatusOr<std::unique_ptr<roberta::app::Server>> server;
  std::thread starting([&] {
    server = roberta::app::Server::Start(config, [&] {
      while (!enter(Phase::kReady)) pause();  // the process is about to end
    });
    WriteToPipe(kStarted);
  });
  int early = kStarted;
  for (int signal = WaitForSignal(); signal != kStarted; signal = WaitForSignal()) {
    if (enter(Phase::kStopped)) {
      spdlog::info("stopped on signal {}, before the profiles were loaded", signal);
      _exit(0);
    }
    if (early != kStarted) _exit(128 + signal);
    early = signal;
  }
  starting.join();
  if (early != kStarted) WriteToPipe(early);
  return server;
}

/// From now on a signal ends the process at once.
void ExitOnNextSignal() {
  std::thread([] { _exit(128 + WaitForSignal()); }).detach();
}

int Run(int argc, char** argv) {
  const Instructions instructions = ReadCommandLine(argc, argv);
  if (instructions.exit_code) return *instructions.exit_code;
  const config::ServerConfig& config = instructions.config;
  roberta::app::SetUpLogging(config.logging().format(), config.logging().level());
  // Debian's abseil looks for deadlocks at each lock of gRPC's, which takes an eighth of what a refused call costs.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  setenv("GRPC_VERBOSITY", "NONE", 0);  // we report ourselves what gRPC would write

  // The first process of a container becomes the parent of all orphans in it; so the kernel takes them away when they
  // end.
  if (getpid() == 1) signal(SIGCHLD, SIG_IGN);
  if (!CatchStopSignals()) {
    std::perror("roberta-server: cannot catch signals");
    return 1;
  }
  absl::StatusOr<std::unique_ptr<roberta::app::Server>> server = StartUnlessStopped(config);
  if (!server.ok()) return Report(server.status());
  const int signal = WaitForSignal();
  ExitOnNextSignal();
  spdlog::info("stopping on signal {}: finishing what was accepted", signal);
  const bool finished = (*server)->Drain(std::chrono::milliseconds(config.shutdown().drain_delay_ms()),
                                         std::chrono::milliseconds(config.shutdown().drain_timeout_ms()));
  if (!finished) {
    spdlog::error("drain_timeout_ms {} passed with calls unfinished", config.shutdown().drain_timeout_ms());
    _exit(1);
  }
  server->reset();
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return roberta::terminal::RunProgram("roberta-server", [&] { return Run(argc, argv); });
}
