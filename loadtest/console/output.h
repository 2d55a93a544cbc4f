#pragma once

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "loadtest/console/exit_codes.h"

namespace roberta::console {

inline constexpr char kStandardOutput[] = "-";

/// One line on stderr; returns `exit_code`.
int Complain(const std::string& text, int exit_code = kSomethingFailed);

/// A file that is written when the work is over. It is opened before the work begins, so that a file that cannot be
/// written is found out early; what the file held stays until it is written, and a new file appears only then.
class Output {
 public:
  Output() = default;
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// `name`: "-" for standard output, empty for none. PermissionDenied with the system's reason.
  absl::Status Open(const std::string& name);
  absl::Status Write(const std::string& text);

 private:
  absl::Status Failure(const char* what) const;

  std::string name_;
  std::FILE* file_ = nullptr;
};

}  // namespace roberta::console
