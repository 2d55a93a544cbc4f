#include "server/sockets/agent_checks.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace roberta::sockets {
namespace {

constexpr int kMostAtATime = 64;

}  // namespace

void AgentChecks::Answer(std::string_view line) {
  for (const ListeningSocket& socket : listening_) {
    for (int i = 0; i < kMostAtATime; ++i) {
      const int connection = accept4(socket.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection < 0) break;  // nobody is there, or gone again
      // A new connection has room for the line.
      [[maybe_unused]] const ssize_t sent = send(connection, line.data(), line.size(), MSG_NOSIGNAL);
      close(connection);
    }
  }
}

std::string WeightLine(double load_ratio) {
  const long percent = std::clamp(std::lround(100 / (1 + std::max(0.0, load_ratio))), 1L, 100L);
  return absl::StrCat("ready up ", percent, "%\n");
}

}  // namespace roberta::sockets
