#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/call/phases.h"

namespace roberta::request_log {

/// The work of a call that classifies, and the phases of its time, which add up to the total; those of a stream are
/// sums over its parts, which overlap.
struct Work {
  size_t items = 0;
  size_t failed_items = 0;
  size_t tokens = 0;           ///< of all items that were tokenized
  size_t truncated_items = 0;  ///< items that lost tokens
  std::string_view priority;
  size_t batch_items = 0;  ///< in the largest batch with items of the call
  std::array<int64_t, call::kPhases> phase_ns = {};
};

/// The log record of one call that has ended. Of the request it has the request id and the requested profile and
/// nothing else: no text, no item id, no profile name that the server does not know, and no error message, which may
/// quote the request. Empty fields are left out. Views must outlive the record.
struct Record {
  std::string_view method;  ///< "Classify"
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string_view reason;  ///< the failure reason
  std::string_view request_id;
  std::string_view trace_id;
  std::string profile_requested;  ///< names, separated by commas
  std::string_view profile;       ///< that answered the call, or would have
  std::optional<Work> work;
  int64_t total_ns = 0;
  bool length_is_the_clients = false;  ///< a stream lasts as long as its client sends items: it is never slow
  std::chrono::steady_clock::time_point ended;
};

enum class Format {
  kText,  ///< message key=value key=value; a value with other than plain characters is quoted as in JSON
  kJson,  ///< "message":"...","key":value: members of an object, without the braces
};

/// A time, not negative, in milliseconds with three decimals.
std::string Milliseconds(int64_t nanoseconds);

/// A line of the log, built field by field. Strings may have any bytes: all but printable ASCII is escaped, so that a
/// line is always one line.
class Line {
 public:
  Line(Format format, std::string_view message);

  void Add(std::string_view key, std::string_view value);
  void Add(std::string_view key, uint64_t value);
  void AddMilliseconds(std::string_view key, int64_t nanoseconds);

  std::string& text() { return text_; }

 private:
  void BeginField(std::string_view key);
  void AppendQuoted(std::string_view value);

  const Format format_;
  std::string text_;
};

void AddRecord(const Record& record, Line* line);

}  // namespace roberta::request_log
