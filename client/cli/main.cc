#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "profiles/terminal/terminal.h"

namespace {

/// The arguments for CLI11, which would not take what comes after -- if a text came before: what begins with - there is
/// marked as a text instead.
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  auto argument = std::ranges::find(arguments, "--");
  if (argument == arguments.end()) return arguments;
  for (argument = arguments.erase(argument); argument != arguments.end(); ++argument) {
    if (argument->starts_with('-')) argument->insert(0, 1, roberta::cli::kTextMark);
  }
  return arguments;
}

/// How the server is reached, and who calls.
void AddConnectionOptions(CLI::App* app, roberta::cli::ConnectionOptions* connection) {
  app->add_option("--address", connection->address,
                  "Server, as gRPC takes it: HOST:PORT, [::1]:8001, unix:/run/x.sock (127.0.0.1:8001)")
      ->envname("ROBERTA_ADDRESS")
      ->type_name("HOST:PORT");
  app->add_option("--deadline", connection->deadline_seconds,
                  "Seconds that a call may take, or a stream be silent (60)")
      ->check(CLI::Range(0.001, 86400.0).description(""))
      ->type_name("SECONDS");
  app->add_flag("--tls", connection->files.tls, "Connect with TLS")->envname("ROBERTA_TLS");
  const auto add_file = [app](const char* option, const char* variable, std::string* file, const char* help) {
    app->add_option(option, *file, help)->envname(variable)->type_name("FILE");
  };
  add_file("--ca", "ROBERTA_CA", &connection->files.ca, "Certificate authorities to trust, PEM (those of the system)");
  add_file("--cert", "ROBERTA_CERT", &connection->files.certificate, "Own certificate for mutual TLS, PEM");
  add_file("--key", "ROBERTA_KEY", &connection->files.key, "Its key, PEM");
  app->add_option("--server-name", connection->files.server_name,
                  "Name that the server's certificate must have (that of the address)")
      ->envname("ROBERTA_SERVER_NAME")
      ->type_name("NAME");
  add_file("--token-file", "ROBERTA_TOKEN_FILE", &connection->files.token,
           "Send the token in this file with every call");
  app->parse_complete_callback([connection] {
    const auto read = roberta::client::ReadCredentials(connection->files, connection->address);
    if (!read.ok()) throw CLI::ValidationError(std::string(read.status().message()));
    connection->credentials = *read;
  });
}

int Run(int argc, char** argv) {
  using namespace roberta::cli;
  setenv("GRPC_VERBOSITY", "NONE", 0);  // this program reports failures itself
  CLI::App app("Classifies texts through a roberta-server.", "roberta-client");
  app.fallthrough();
  ConnectionOptions connection;
  AddConnectionOptions(&app, &connection);
  app.footer(
      "\nExit codes: 0 all is well, 1 something failed, 2 wrong usage, 3 the server cannot be reached, 130 stopped by "
      "Ctrl-C.\n\n"
      "Examples:\n"
      "  roberta-client classify \"a warm, funny film\"\n"
      "  roberta-client compare \"a warm, funny film\"\n"
      "  roberta-client --address 127.0.0.1:9001 profiles\n"
      "  roberta-client health\n\n"
      "See roberta-client SUBCOMMAND --help for its options.");
  int exit_code = kAllWell;
  AddClassifyCommand(&app, &connection, &exit_code);
  AddServerCommands(&app, &connection, &exit_code);
  return roberta::terminal::RunSubcommand(&app, Arguments(argc, argv), &exit_code,
                                          "; texts that begin with - come after --");
}

}  // namespace

int main(int argc, char** argv) {
  return roberta::terminal::RunProgram("roberta-client", [&] { return Run(argc, argv); });
}
