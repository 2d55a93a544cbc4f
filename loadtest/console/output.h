#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"

namespace roberta::loadtest::console {

/// Exit codes of roberta-loadtest, but for that of wrong usage.
enum ExitCode {
  kValid = 0,
  kSomethingFailed = 1,    ///< a file, a profile, a server that ended at its start, or no request was answered
  kServerUnreachable = 3,  ///< at the start or, for seconds, during the run
  kInvalid = 4,            ///< measured, but the program itself was the bottleneck
  kInterrupted = 130,      ///< 128 + SIGINT, as shells have it
};

inline constexpr char kStandardOutput[] = "-";

/// Prints one line on stderr; returns `exit_code`.
int Complain(const std::string& text, int exit_code = kSomethingFailed);
int Complain(const absl::Status& error, int exit_code = kSomethingFailed);

/// What a file holds. NotFound, with the system's reason, if it cannot be read or holds nothing.
absl::StatusOr<std::string> ReadFile(const std::string& name);

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
  absl::Status CannotWrite() const;

  std::string name_;
  std::FILE* file_ = nullptr;
};

/// The server's process and counters during a run, and whether the counters agree with the answers. Empty if the record
/// has neither these nor a reason for their absence.
std::string ServerText(const record::RunRecord& record);

/// A run for people: the load, the outcomes of the requests, rates, latencies and the server's phases.
std::string RunText(const record::RunRecord& record);

/// Many runs for people: one line per run, then every profile compared with baseline at each load. "-": not measured.
std::string SeriesText(const std::vector<record::RunRecord>& runs);

/// Searches for people: the lowest, middle and highest of the rates that were found, and their ratio to baseline's.
std::string SearchesText(const std::vector<record::RateSearch>& searches);

}  // namespace roberta::loadtest::console
