#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "server/app/command_line.h"
#include "server/app/logging.h"
#include "server/app/server.h"

namespace {

/// SIGTERM and SIGINT, blocked in every thread so that only sigwait takes them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  return signal;
}

/// During start and drain a signal ends the process at once.
void ExitOnNextSignal(const sigset_t& signals) {
  std::thread([signals] {
    const int signal = WaitForSignal(signals);
    _exit(128 + signal);
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  using roberta::app::Server;
  const roberta::app::Instructions instructions = roberta::app::ReadCommandLine(argc, argv);
  if (instructions.exit_code) return *instructions.exit_code;
  const roberta::config::ServerConfig& config = instructions.config;
  roberta::app::SetUpLogging(config.logging().format(), config.logging().level());
  setenv("GRPC_VERBOSITY", "NONE", 0);  // gRPC's own lines about what we report ourselves

  const sigset_t signals = BlockStopSignals();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config);
  if (!server.ok()) {
    std::fprintf(stderr, "roberta-server: %s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  const int signal = WaitForSignal(signals);
  ExitOnNextSignal(signals);
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
