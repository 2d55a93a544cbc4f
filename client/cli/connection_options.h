#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace roberta::cli {

/// What every command needs to reach the server.
struct ConnectionOptions {
  std::string address = "127.0.0.1:8001";
  double deadline_seconds = 60;

  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(static_cast<int64_t>(deadline_seconds * 1000));
  }
};

/// Says on standard error why a call failed; returns the exit code for it.
int ReportFailure(const ConnectionOptions& connection, const absl::Status& status);

}  // namespace roberta::cli
