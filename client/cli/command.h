#pragma once

#include <google/protobuf/message.h>

#include <CLI/App.hpp>
#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "client/client.h"
#include "client/credentials.h"

namespace roberta::cli {

/// Exit codes of roberta-client, but for that of wrong usage.
enum ExitCode {
  kAllWell = 0,
  kSomethingFailed = 1,  ///< an item, a file, or what was asked for
  kServerUnreachable = 3,
  kInterrupted = 130,  ///< 128 + SIGINT, as shells have it
};

/// Before a text that begins with - and is no option; no argument can hold it.
inline constexpr char kTextMark = '\0';
/// Transforms such a text into itself.
inline std::string WithoutMark(std::string text) {
  return text.starts_with(kTextMark) ? text.substr(1) : text;
}

/// What every command needs to reach the server.
struct ConnectionOptions {
  std::string address = "127.0.0.1:8001";
  double deadline_seconds = 60;
  client::CredentialFiles files;    ///< as options name them
  client::Credentials credentials;  ///< read from them

  client::ClientOptions server() const { return {.address = address, .credentials = credentials}; }

  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(static_cast<int64_t>(deadline_seconds * 1000));
  }
};

/// Prints on standard error why a call failed; returns the exit code for it.
int ReportFailure(const ConnectionOptions& connection, const absl::Status& status);

/// Prints `message` as JSON on standard output, with the fields' own names; returns the exit code.
int PrintJson(const google::protobuf::Message& message);

// Both add subcommands that set `*exit_code` when they have run. `connection` and `exit_code` must outlive `app`.

/// `classify TEXT... | --file FILE | -`.
void AddClassifyCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code);
/// The commands that are one call: `compare TEXT`, `profiles`, `load`, `unload` and `set-default NAME`, `health
/// [SERVICE]`.
void AddServerCommands(CLI::App* app, const ConnectionOptions* connection, int* exit_code);

}  // namespace roberta::cli
