#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roberta::loadtest::target {

/// The addresses on which a server serves, from its log.
struct ServingLine {
  std::string address, metrics_address;  ///< "host:port"
};
/// From the line "serving gRPC on A, metrics on http://B/metrics", whatever its log format puts around that.
std::optional<ServingLine> ParseServingLine(std::string_view line);

/// Reads what a process writes to a pipe until all its ends are closed, on a thread of its own, so that the process
/// never waits for a reader. Any thread may call.
class ProcessLog {
 public:
  /// Takes over `pipe`, a descriptor to read from, and `file`, one to copy it to (-1: none).
  ProcessLog(int pipe, int file);
  /// Stops reading: further writes of the process fail.
  ~ProcessLog();
  ProcessLog(const ProcessLog&) = delete;
  ProcessLog& operator=(const ProcessLog&) = delete;

  /// The lines that came since the last call, the oldest lost if they were too many; waits up to `patience` for one.
  std::vector<std::string> TakeLines(std::chrono::milliseconds patience);
  std::optional<ServingLine> serving() const;
  /// The last line that is not empty; without the program's name, cut to what fits into a sentence, printable.
  std::string LastLine() const;
  /// Waits until everything was read, up to `patience`.
  void WaitForEnd(std::chrono::milliseconds patience) const;

 private:
  void Read();
  void Take(std::string_view bytes);
  void TakeLine();

  const int pipe_, file_;
  int wake_[2] = {-1, -1};  ///< a pipe; closing its writing end ends the thread
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::string part_;  ///< of a line that has no end yet
  std::deque<std::string> lines_;
  std::string last_;
  std::optional<ServingLine> serving_;
  bool ended_ = false;
  std::thread thread_;
};

/// How a server is started.
struct LaunchOptions {
  std::string program;             ///< as from FindServerProgram
  std::string config;              ///< text-proto of a ServerConfig; empty: none
  std::vector<std::string> flags;  ///< more of roberta-server's, which win over the config
  std::string log_file;            ///< its log is appended here; empty: only the last lines are kept
  std::vector<int> cpus;           ///< cores that it may use; empty: those of this process
  std::chrono::milliseconds timeout = std::chrono::minutes(10);
  std::function<bool()> stop_requested = [] { return false; };           ///< ends the wait for it
  std::function<void(const std::string&)> on_line = [](const auto&) {};  ///< a line of its log, until it serves
};

/// A roberta-server that this program starts on free ports of the loopback interface: a child in a process group of its
/// own, so that Ctrl-C in the terminal does not reach it. It is killed with this object, and with the process. One
/// thread.
class ServerProcess {
 public:
  /// Starts it and waits until it serves; runs the callbacks on this thread, which must live as long as the server,
  /// since the kernel kills the child when it ends. Errors are one line: NotFound if the program cannot be run;
  /// FailedPrecondition, with the server's own last line, if it ended; DeadlineExceeded, with the same, if it did not
  /// serve within the timeout; Cancelled if the caller wanted that; PermissionDenied for the log file.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(const LaunchOptions& options);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& address() const { return serving_.address; }                  ///< gRPC, "127.0.0.1:41234"
  const std::string& metrics_address() const { return serving_.metrics_address; }  ///< HTTP
  pid_t pid() const { return pid_; }

  /// Ok while it runs; then FailedPrecondition, which says how it ended and what it said last.
  absl::Status CheckRunning();
  /// Sends SIGTERM, upon which it finishes what it has accepted, and SIGKILL if it still runs after `patience`. Ok if
  /// it ended with exit code 0, now or before; else FailedPrecondition, as CheckRunning has it.
  absl::Status Stop(std::chrono::milliseconds patience = std::chrono::minutes(2));

 private:
  ServerProcess(pid_t pid, std::unique_ptr<ProcessLog> log) : pid_(pid), log_(std::move(log)) {}
  absl::Status WaitUntilServing(const LaunchOptions& options);
  /// Whether it has ended, by now or within `patience`.
  bool Ended(std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  std::string HowItEnded();

  const pid_t pid_;
  std::unique_ptr<ProcessLog> log_;
  ServingLine serving_;
  bool ended_ = false;  ///< and waited for
  int wait_status_ = 0;
};

/// The program `named`, if it names one; else the roberta-server beside this program, else that on PATH. NotFound,
/// saying where it was looked for.
absl::StatusOr<std::string> FindServerProgram(const std::string& named);

/// Numbers of cores as taskset takes them: "0,2-3". InvalidArgument with what is wrong.
absl::StatusOr<std::vector<int>> ParseCpus(const std::string& text);

}  // namespace roberta::loadtest::target
