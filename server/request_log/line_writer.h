#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace roberta::request_log {

enum class Level { kInfo, kWarn, kError };

/// Writes one line; may block, and may be called by one thread at a time.
using Sink = std::function<void(Level, std::string_view line)>;

/// Writes lines in their order on its own thread, so that a slow reader of the log slows down no call.
/// Any thread may push.
class LineWriter {
 public:
  /// At most `capacity` lines wait.
  LineWriter(size_t capacity, Sink sink);
  /// Writes the lines that wait.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Returns false if there was no room: the line is lost.
  bool Push(Level level, std::string line) { return Push(level, std::move(line), capacity_); }
  /// Ignores the capacity: for the last few lines, which say how many were lost.
  void PushLast(Level level, std::string line) { Push(level, std::move(line), SIZE_MAX); }

 private:
  struct Waiting {
    Level level;
    std::string text;
  };

  bool Push(Level level, std::string line, size_t capacity);
  void WriteLines();

  const size_t capacity_;
  const Sink sink_;
  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<Waiting> lines_;  // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
  std::thread thread_;         // last: it uses the others
};

}  // namespace roberta::request_log
