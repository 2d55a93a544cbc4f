#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace roberta::cli {

/// Cuts what comes from a file descriptor into lines, in bounded memory, without ever waiting longer than it is told.
/// A byte order mark at the start and a carriage return at the end of a line are not part of it. One thread.
class LineReader {
 public:
  /// `fd` stays the caller's. Lines of more than `longest_line_bytes` are skipped and reported.
  LineReader(int fd, size_t longest_line_bytes) : fd_(fd), longest_line_bytes_(longest_line_bytes) {}

  enum class Outcome {
    kLine,
    kTooLong,     ///< a line, but not this one's content
    kNothingYet,  ///< no whole line came within the patience, or a signal did
    kEnd,
    kFailed,  ///< errno says why
  };
  /// Waits for the next line at most `patience`.
  Outcome Next(std::chrono::milliseconds patience, std::string* line);

  uint64_t lines() const { return lines_; }             ///< handed out or skipped so far
  uint64_t bytes() const { return bytes_ - unread(); }  ///< that these lines took

 private:
  size_t unread() const { return buffer_.size() - position_; }
  bool TakeLine(std::string* line, Outcome* outcome);
  Outcome Finish(std::string* line);
  Outcome HandOut(std::string* line);

  const int fd_;
  const size_t longest_line_bytes_;
  std::string buffer_;
  size_t position_ = 0;  ///< in buffer_, of the first byte that was not handed out
  size_t searched_ = 0;  ///< in buffer_: no line ends before this
  bool too_long_ = false;
  uint64_t lines_ = 0;
  uint64_t bytes_ = 0;  ///< read
};

}  // namespace roberta::cli
