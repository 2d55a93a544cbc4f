#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/direct_client.h"
#include "loadtest/console/run_options.h"
#include "loadtest/console/server_at_hand.h"
#include "loadtest/record/run_record.h"

namespace roberta::console {

/// A server that is ready to be measured, and what to measure it with.
struct Session {
  std::unique_ptr<ServerAtHand> at_hand;
  record::ServerDescription server;
  std::vector<std::string> profiles;  ///< to measure
  std::unique_ptr<client::DirectClient> client;
};

/// Starts the server if the options say so, asks what it has and connects. Nothing, and `*exit_code`, if that failed,
/// after a line on standard error that says why.
std::optional<Session> OpenSession(const RunOptions& options, int* exit_code);

}  // namespace roberta::console
