#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "server/app/command_line.h"
#include "server/app/logging.h"
#include "server/app/server.h"

namespace {

int signal_pipe[2] = {-1, -1};

void WriteToPipe(int signal) {
  const int saved_errno = errno;
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t written = write(signal_pipe[1], &byte, 1);
  errno = saved_errno;
}

/// From now on WaitForSignal receives SIGTERM and SIGINT. Blocking them for sigwait would not work: libraries start
/// threads before main that do not block them, and such a thread would end the process.
bool CatchStopSignals() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return false;
  struct sigaction action = {};
  action.sa_handler = WriteToPipe;
  action.sa_flags = SA_RESTART;
  return sigaction(SIGTERM, &action, nullptr) == 0 && sigaction(SIGINT, &action, nullptr) == 0;
}

int WaitForSignal() {
  unsigned char signal = 0;
  while (read(signal_pipe[0], &signal, 1) != 1) {
  }
  return signal;
}

/// From now on a signal ends the process at once.
void ExitOnNextSignal() {
  std::thread([] { _exit(128 + WaitForSignal()); }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  using roberta::app::Server;
  const roberta::app::Instructions instructions = roberta::app::ReadCommandLine(argc, argv);
  if (instructions.exit_code) return *instructions.exit_code;
  const roberta::config::ServerConfig& config = instructions.config;
  roberta::app::SetUpLogging(config.logging().format(), config.logging().level());
  setenv("GRPC_VERBOSITY", "NONE", 0);  // we report ourselves what gRPC would write

  if (!CatchStopSignals()) {
    std::perror("roberta-server: cannot catch signals");
    return 1;
  }
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config);
  if (!server.ok()) {
    std::fprintf(stderr, "roberta-server: %s\n", std::string(server.status().message()).c_str());
    return 1;
  }
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
