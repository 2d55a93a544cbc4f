#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/direct_client.h"
#include "loadtest/console/run_options.h"
#include "loadtest/record/run_record.h"
#include "loadtest/target/server_process.h"
#include "profiles/terminal/terminal.h"

namespace roberta::loadtest::console {

/// Starts to watch the server for a run of at most this length; the function that it returns stops watching and fills
/// the record.
using Watch = std::function<std::function<void(record::RunRecord*)>(std::chrono::nanoseconds)>;

/// What to measure, and with what.
struct Subject {
  const RunOptions& options;
  std::string target;                 ///< that `client` is connected to
  std::vector<std::string> profiles;  ///< not empty; "": the server's default
  std::vector<workload::RequestClass> classes;
  record::ServerDescription server;
  client::DirectClient* client = nullptr;
  std::function<bool()> stop_requested;
  Watch watch;            ///< may be empty
  std::string title;      ///< shown at the start of progress lines; may be empty
  size_t runs_later = 0;  ///< runs that follow these, to predict the time left
};

/// The results.
struct Measured {
  record::Series series;
  size_t runs_planned = 0;  ///< 0 for a search, where it is not known before
  runner::End end = runner::End::kComplete;
  bool answered = false;            ///< at least one request
  std::vector<std::string> faults;  ///< why figures are invalid, with the run that they belong to
};

/// Makes the runs or searches that the options ask for, after sending each text alone. A run that breaks off is kept
/// and is the last one. Errors: Unavailable if the server was lost, and Cancelled if it was stopped, before the
/// first run; and those of the files that the options name.
absl::StatusOr<Measured> Measure(const Subject& subject, terminal::ProgressBar* bar);

/// The description that the server at `target` gives of itself; empty if it does not know the request. Unavailable if
/// it cannot be reached; NotFound, with the list, if it lacks one of `profiles` ("" and "all" are not names);
/// FailedPrecondition, with its reason, if one of them is not READY.
absl::StatusOr<record::ServerDescription> DescribeServer(const std::string& target,
                                                         const std::vector<std::string>& profiles,
                                                         const client::Credentials& credentials = {});

/// The profiles to measure: those that are `wanted`; "" (the server's default) if `wanted` is empty; and for "all"
/// every READY profile, in the server's order. FailedPrecondition if there are none.
absl::StatusOr<std::vector<std::string>> ProfilesToMeasure(const std::vector<std::string>& wanted,
                                                           const record::ServerDescription& server);

/// A server that is ready to be measured, a running one or one that this starts and stops, and the client to measure it
/// with. Must live on the thread that makes it.
class Session {
 public:
  /// Starts the server if the options say so, and shows its progress; asks for its description and connects. If that
  /// fails, prints a line on standard error, sets `*exit_code` and returns nullptr.
  static std::unique_ptr<Session> Open(const RunOptions& options, int* exit_code);
  /// Stops a server that it has started, and prints a line on standard error if that fails.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::string& target() const { return target_; }
  const record::ServerDescription& server() const { return server_; }

  /// Measures what the options ask for, with a progress bar. `title` and `runs_later`: those of Subject. Errors are
  /// those of console::Measure.
  absl::StatusOr<Measured> Measure(const RunOptions& options, std::vector<workload::RequestClass> classes,
                                   const std::string& title = "", size_t runs_later = 0) const;

  /// Why the server was lost: how it ended, if this program started it; else how long it has not answered.
  std::string WhyLost();

 private:
  Session() = default;
  /// Prints why it cannot; returns the exit code.
  int Connect(const RunOptions& options);
  /// The server's addresses, of one that it starts if the options say so. Errors are one line, with the codes of
  /// target::ServerProcess.
  absl::Status FindServer(const RunOptions& options);
  absl::Status Spawn(const RunOptions& options);
  /// The function for Subject::watch.
  std::function<void(record::RunRecord*)> WatchRun(std::chrono::nanoseconds longest) const;

  std::string target_;
  client::Credentials credentials_;
  std::string metrics_;  ///< address; empty: none
  bool metrics_are_guessed_ = false;
  bool end_is_told_ = false;
  std::unique_ptr<target::ServerProcess> process_;
  record::ServerDescription server_;
  std::vector<std::string> profiles_;  ///< to measure
  std::unique_ptr<client::DirectClient> client_;
};

/// Prints why `target` could not be reached or asked; returns the exit code for it.
int ComplainOfServer(const std::string& target, const absl::Status& status);

}  // namespace roberta::loadtest::console
