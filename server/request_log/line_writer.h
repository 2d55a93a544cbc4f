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

/// Writes lines on a thread of its own, in their order, so that whoever reads the log too slowly slows down no call.
/// Any thread may push.
class LineWriter {
 public:
  /// At most `capacity` lines wait.
  LineWriter(size_t capacity, Sink sink);
  /// Writes what waits.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// False if there was no room: the line is lost.
  bool Push(Level level, std::string line) { return Push(level, std::move(line), capacity_); }
  /// Makes room: for the last few lines, which say what was lost.
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
