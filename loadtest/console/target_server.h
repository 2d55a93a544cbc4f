#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/console/measurement.h"
#include "loadtest/console/run_options.h"
#include "loadtest/target/metrics_watch.h"
#include "loadtest/target/server_process.h"

namespace roberta::loadtest::console {

/// The server that is measured: a running one, or one that this starts and stops.
class TargetServer {
 public:
  /// Starts the server if the options say so, and shows its progress; `stop_requested` ends the wait. Errors are one
  /// line, with the codes of target::ServerProcess. Must live on the thread that makes it.
  static absl::StatusOr<std::unique_ptr<TargetServer>> Make(const RunOptions& options,
                                                            const std::function<bool()>& stop_requested);
  /// Stops a server that it has started, and prints a line on standard error if that fails.
  ~TargetServer();
  TargetServer(const TargetServer&) = delete;
  TargetServer& operator=(const TargetServer&) = delete;

  const std::string& target() const { return target_; }
  const client::Credentials& credentials() const { return credentials_; }

  /// This object must outlive the function.
  Watch Watcher() const;

  /// Why the server was lost: how it ended, if this program started it; else how long it has not answered.
  std::string WhyLost();

 private:
  TargetServer() = default;
  absl::Status Spawn(const RunOptions& options, const std::function<bool()>& stop_requested);
  /// Puts what was seen into the record, which must have its result.
  void Book(target::MetricsWatch::Seen seen, record::RunRecord* record) const;

  std::string target_;
  client::Credentials credentials_;
  std::string metrics_;  ///< address; empty: none
  bool metrics_are_guessed_ = false;
  bool end_is_told_ = false;
  std::unique_ptr<target::ServerProcess> process_;
};

/// Prints why `target` could not be reached or asked; returns the exit code for it.
int ComplainOfServer(const std::string& target, const absl::Status& status);

}  // namespace roberta::loadtest::console
