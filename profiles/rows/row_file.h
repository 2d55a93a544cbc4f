#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/rows/rows.h"

namespace roberta::rows {

struct RowFileOptions {
  Format format = Format::kText;
  size_t longest_line_bytes = size_t{16} << 20;  ///< of a row that is kept
};

/// The rows of a file, a pipe or standard input, as they arrive, in bounded memory. One thread.
class RowFile {
 public:
  /// Opens `file`; "-" is standard input. NotFound or InvalidArgument names the file and the system's reason.
  static absl::StatusOr<std::unique_ptr<RowFile>> Open(const std::string& file, const RowFileOptions& options);

  /// Reads from `fd`, which stays the caller's. `name` is the file's in messages.
  RowFile(int fd, std::string name, const RowFileOptions& options);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  enum class Outcome {
    kRow,         ///< good or bad; one that is longer than is kept has only its line and a problem
    kNothingYet,  ///< no whole row came within the patience, or a signal did
    kEnd,
    kFailed,  ///< error() says why
  };
  /// Waits for the next row at most `patience`.
  Outcome Next(std::chrono::milliseconds patience, Row* row);

  /// Names the file and the line: it could not be read on, or its header is bad.
  const absl::Status& error() const { return error_; }
  const std::string& name() const { return name_; }
  uint64_t total_bytes() const { return total_bytes_; }      ///< of a regular file; 0: unknown
  uint64_t bytes() const { return bytes_read_ - unread(); }  ///< that the rows so far took

 private:
  size_t unread() const { return buffer_.size() - position_; }
  std::optional<Row> TakeRow();
  std::optional<Row> FinishSkipping();
  Row TooLong(size_t line) const;
  Outcome Fail(size_t line, const std::string& problem);
  /// Appends what has come to the buffer; kRow: go on.
  Outcome Read(std::chrono::steady_clock::time_point until);

  const int fd_;
  bool owns_fd_ = false;
  const std::string name_;
  const RowFileOptions options_;
  uint64_t total_bytes_ = 0;
  RowParser parser_;
  std::string buffer_;
  size_t position_ = 0;    ///< in buffer_, of the first byte that was not handed out
  size_t searched_ = 0;    ///< in buffer_: no row ends before this
  bool skipping_ = false;  ///< a line that is too long, up to its end
  bool ended_ = false;     ///< all has been read
  uint64_t bytes_read_ = 0;
  absl::Status error_;
};

}  // namespace roberta::rows
