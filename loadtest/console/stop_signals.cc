#include "loadtest/console/stop_signals.h"

#include <csignal>

namespace roberta::console {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

}  // namespace

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() {
  return stop_requested != 0;
}

}  // namespace roberta::console
