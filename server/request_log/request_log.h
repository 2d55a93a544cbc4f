#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "server/call/call.h"

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
  std::string_view caller;        ///< its name in the credentials file; empty if it has none
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

enum class Level { kInfo, kWarn, kError };

/// Writes one line; may block, and may be called by one thread at a time.
using Sink = std::function<void(Level, std::string_view line)>;

/// Writes lines in their order on its own thread, so that a slow reader of the log slows down no call.
/// Any thread may push.
class LineWriter {
 public:
  /// At most `capacity` lines wait.
  LineWriter(size_t capacity, Sink sink);
  /// Writes the lines that wait.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Returns false if there was no room: the line is lost.
  bool Push(Level level, std::string line) { return Push(level, std::move(line), capacity_); }
  /// Ignores the capacity: for the last few lines, which say how many were lost.
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

/// Allows `per_second` events a second in the long run, and as many at once. Any thread may call; nothing blocks.
/// The generic cell rate algorithm (ITU-T I.371), a token bucket that is one number: when the bucket will be full.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `per_second` is positive.
  explicit RateLimit(int64_t per_second) : interval_ns_(1'000'000'000 / per_second) {}

  /// True if an event may happen at `now`, which then counts.
  bool Take(Clock::time_point now);

 private:
  const int64_t interval_ns_;
  std::atomic<int64_t> full_at_ns_{INT64_MIN};
};

/// Writes at most one line for a call that has ended. Calls that were refused, that were slow or that failed by a fault
/// of the server are limited to kLinesPerSecond of each of these kinds, so that an overload does not flood the log. The
/// next line of the kind says how many calls had no line (`suppressed`), the last line when the log is destroyed. A
/// line that cannot be written in time is dropped and counted too (`lost`). Any thread may call; a slow reader of the
/// log slows down no call.
class RequestLog {
 public:
  struct Options {
    bool every_call = false;  ///< else only slow calls, and those that failed by a fault of the server
    int64_t slow_ns = std::numeric_limits<int64_t>::max();  ///< a call that takes at least so long is slow
    Format format = Format::kText;
    Level lowest = Level::kInfo;
  };

  static constexpr int64_t kLinesPerSecond = 10;
  static constexpr size_t kMostWaitingLines = 4096;

  /// `sink` gets lines without time and level.
  RequestLog(const Options& options, Sink sink);
  ~RequestLog();

  /// Whether a call that ended so has a line; only then is it worth a Record. Costs a few comparisons.
  bool Wants(absl::StatusCode code, int64_t total_ns) const {
    return options_.every_call || total_ns >= options_.slow_ns || code == absl::StatusCode::kInternal;
  }

  /// Writes the record of a call for which Wants returned true.
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
