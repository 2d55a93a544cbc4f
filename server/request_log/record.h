#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace roberta::request_log {

/// What a call that classifies had to do, and the parts of its time, which add up to the total; those of a stream are
/// sums over its items, which overlap.
struct Work {
  size_t items = 0;
  size_t failed_items = 0;
  size_t tokens = 0;           ///< of all items that were tokenised
  size_t truncated_items = 0;  ///< that lost tokens
  std::string_view priority;
  size_t batch_items = 0;  ///< in the largest batch that carried a part of the call
  int64_t tokenize_ns = 0;
  int64_t queue_ns = 0;
  int64_t form_ns = 0;
  int64_t infer_ns = 0;
  int64_t post_ns = 0;
};

/// What the log tells of one call that has ended. Of the request it holds the client's id and which profile it named,
/// and nothing else: no text, no item's id, no name that the server does not know, no message of an error, which may
/// quote what it is about. What is empty is left out. Views must outlive the record.
struct Record {
  std::string_view method;  ///< "Classify"
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string_view reason;  ///< the situation that kept it from its answer
  std::string_view request_id;
  std::string_view trace_id;
  std::string profile_requested;  ///< names, separated by commas
  std::string_view profile;       ///< that answered, or would have
  std::optional<Work> work;
  int64_t total_ns = 0;
  bool length_is_the_clients = false;  ///< it took as long as its client had something to ask: it is never slow
  std::chrono::steady_clock::time_point ended;
};

enum class Format {
  kText,  ///< message key=value key=value; a value that has other than plain characters is quoted as in JSON
  kJson,  ///< "message":"...","key":value: members of an object, for someone else to put into braces
};

/// A time, not negative, in milliseconds with three decimals.
std::string Milliseconds(int64_t nanoseconds);

/// A line of the log, built field by field. Strings may hold any bytes: what is not printable ASCII is escaped, so
/// that a line is always one line.
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
