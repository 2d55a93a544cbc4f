#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"
#include "loadtest/server/metrics_watch.h"
#include "loadtest/server/server_process.h"

namespace roberta::console {

/// The server that runs are against: one that is there, or one of our own, which ends with this.
class ServerAtHand {
 public:
  /// Starts the server if the options say so, and shows how far it is; until `stop_requested`. Errors are one line,
  /// with the codes of server::ServerProcess. Must live on the thread that makes it.
  static absl::StatusOr<std::unique_ptr<ServerAtHand>> Make(const RunOptions& options,
                                                            const std::function<bool()>& stop_requested);
  /// Stops a server of our own, and says on standard error if that went wrong.
  ~ServerAtHand();
  ServerAtHand(const ServerAtHand&) = delete;
  ServerAtHand& operator=(const ServerAtHand&) = delete;

  const std::string& target() const { return target_; }
  const client::Credentials& credentials() const { return credentials_; }

  /// What watches the server during a run, as Subject::watch has it. This must outlive it.
  std::function<std::function<void(record::RunRecord*)>(std::chrono::nanoseconds)> Watcher() const;

  /// Begins to read the metrics page, for a run that takes `run` and begins now.
  std::unique_ptr<server::MetricsWatch> Watch(std::chrono::nanoseconds run) const;
  /// Ends it, and puts what it saw into the record, which has its result already.
  void Book(server::MetricsWatch* watch, record::RunRecord* record) const;

  /// Why the server was lost, if it was one of our own that ended; else how long nobody has answered.
  std::string WhyLost();

 private:
  ServerAtHand() = default;
  absl::Status Spawn(const RunOptions& options, const std::function<bool()>& stop_requested);

  std::string target_;
  client::Credentials credentials_;
  std::string metrics_;  ///< address; empty: none
  bool metrics_are_guessed_ = false;
  bool end_is_told_ = false;
  std::unique_ptr<server::ServerProcess> process_;
};

/// Says why no server is at hand; returns the exit code for it.
int ComplainOfStart(const absl::Status& status);

/// Says why `target` could not be reached or asked; returns the exit code for it.
int ComplainOfServer(const std::string& target, const absl::Status& status);

}  // namespace roberta::console
