#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/sockets/listening.h"

namespace roberta::sockets {

/// Answers HAProxy's agent checks: who connects gets one line, and the connection is closed. Nothing is read, and
/// nothing waits for a client. Not thread-safe.
class AgentChecks {
 public:
  explicit AgentChecks(std::vector<ListeningSocket> listening) : listening_(std::move(listening)) {}

  /// Sends `line` to those who have connected, at most a bounded number of them; others wait for the next time, as many
  /// as the system lets wait.
  void Answer(std::string_view line);
  uint16_t port() const { return listening_.front().port(); }

 private:
  const std::vector<ListeningSocket> listening_;
};

/// What an agent check gets of a server that takes calls, whose executors have so much work for what they can do: a
/// weight of 100 % when idle, of 50 % when fully loaded. It falls gently, as balancers whose answer to load is steep
/// send what they have to one server after another.
std::string WeightLine(double load_ratio);
/// Of one that takes no calls.
inline constexpr char kDrainLine[] = "drain\n";

}  // namespace roberta::sockets
