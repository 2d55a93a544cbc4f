#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

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

}  // namespace roberta::loadtest::target
