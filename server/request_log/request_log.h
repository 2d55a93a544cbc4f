#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "server/request_log/line_writer.h"
#include "server/request_log/rate_limit.h"
#include "server/request_log/record.h"

namespace roberta::request_log {

/// One line for a call that has ended, at most. Calls that were not answered, that were slow or that failed for a fault
/// of the server are limited to kLinesPerSecond of each of these kinds, so that an overload does not become a flood of
/// lines; the next line of the kind says how many had none (`suppressed`), the last ones when the log is destroyed. A
/// line that cannot be written in time is dropped and counted too (`lost`). Any thread may call; nothing waits for
/// whoever reads the log.
class RequestLog {
 public:
  struct Options {
    bool every_call = false;  ///< else only slow ones, and those that failed for a fault of the server
    int64_t slow_ns = std::numeric_limits<int64_t>::max();  ///< a call that takes as long is slow
    Format format = Format::kText;
    Level lowest = Level::kInfo;
  };

  static constexpr int64_t kLinesPerSecond = 10;
  static constexpr size_t kMostWaitingLines = 4096;

  /// `sink` gets what follows the time and the level of a line.
  RequestLog(const Options& options, Sink sink);
  ~RequestLog();

  /// Whether a call that ended so has a line; only then is it worth a Record. Costs a few comparisons.
  bool Wants(absl::StatusCode code, int64_t total_ns) const {
    return options_.every_call || total_ns >= options_.slow_ns || code == absl::StatusCode::kInternal;
  }

  /// Takes a record of a call that Wants is true of.
  void Write(const Record& record);

 private:
  enum class Kind { kAnswered, kSlow, kNotAnswered, kFailed };
  struct Form {
    const char* message;
    Level level;
  };
  struct Limit {
    RateLimit rate{kLinesPerSecond};
    std::atomic<uint64_t> suppressed{0};
  };

  static constexpr size_t kKinds = 4;
  static const std::array<Form, kKinds> kForms;

  Kind KindOf(const Record& record) const;

  const Options options_;
  std::array<Limit, kKinds> limits_;
  std::atomic<uint64_t> lost_{0};
  LineWriter writer_;
};

}  // namespace roberta::request_log
