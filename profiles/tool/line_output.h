#pragma once

#include <cstdio>
#include <string_view>

namespace roberta::tool {

/// Writes lines to a stream and remembers the first failure, so that a program can stop when nobody reads it or the
/// disk is full. The program must ignore SIGPIPE. One thread.
class LineOutput {
 public:
  /// `stream` stays the caller's and must outlive this.
  explicit LineOutput(std::FILE* stream) : stream_(stream) {}

  /// Both return false once anything has failed.
  bool Write(std::string_view line);
  bool Flush();

  /// Tells on standard error why writing failed, unless nothing failed or the reader merely went away.
  void ReportFailure() const;

 private:
  std::FILE* stream_;
  int error_ = 0;  ///< errno of the first failure
};

}  // namespace roberta::tool
