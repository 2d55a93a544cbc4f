#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace roberta::tool {

/// Prints what failed on standard error, in one line that begins with "error: ".
void PrintError(const absl::Status& status);

/// Writes lines to a stream and remembers the first failure, so that a program can stop when nobody reads it or the
/// disk is full. The program must ignore SIGPIPE. One thread.
class LineOutput {
 public:
  /// `stream` stays the caller's and must outlive this.
  explicit LineOutput(std::FILE* stream) : stream_(stream) {}

  /// Writes `line` and, unless it has one, a line end. Like Flush it returns false once anything has failed.
  bool Write(std::string_view line);
  bool Flush();

  /// Prints on standard error why writing failed, unless nothing failed or the reader merely went away.
  void ReportFailure() const;

 private:
  std::FILE* stream_;
  int error_ = 0;  ///< errno of the first failure
};

/// Finds out, before the work is done, whether WriteOutputFile could write there. Leaves nothing behind.
absl::Status CheckOutputFile(const std::string& path);

/// Writes a file that appears complete or not at all; a path that is not a regular file, such as a pipe or a device, is
/// written to directly. Errors name the file and what the system says.
absl::Status WriteOutputFile(const std::string& path, std::string_view text);

}  // namespace roberta::tool
