#include "server/request_log/request_log.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace roberta::request_log {
namespace {

constexpr size_t kUsualLineBytes = 512;

bool IsPrintable(char c) {
  return c >= ' ' && c <= '~';
}

/// Such characters stand in a text line without quotes.
bool IsPlain(char c) {
  return IsPrintable(c) && c != ' ' && c != '"' && c != '\\' && c != '=';
}

void AddUnlessEmpty(std::string_view key, std::string_view value, Line* line) {
  if (!value.empty()) line->Add(key, value);
}

}  // namespace

std::string Milliseconds(int64_t nanoseconds) {
  const int64_t microseconds = (nanoseconds + 500) / 1000;
  return absl::StrCat(microseconds / 1000, ".", absl::Dec(microseconds % 1000, absl::kZeroPad3));
}

Line::Line(Format format, std::string_view message) : format_(format) {
  text_.reserve(kUsualLineBytes);
  if (format_ == Format::kText) {
    text_.append(message);
  } else {
    text_.append("\"message\":");
    AppendQuoted(message);
  }
}

void Line::Add(std::string_view key, std::string_view value) {
  BeginField(key);
  if (format_ == Format::kText && !value.empty() && std::ranges::all_of(value, IsPlain)) {
    text_.append(value);
  } else {
    AppendQuoted(value);
  }
}

void Line::Add(std::string_view key, uint64_t value) {
  BeginField(key);
  absl::StrAppend(&text_, value);
}

void Line::AddMilliseconds(std::string_view key, int64_t nanoseconds) {
  BeginField(key);
  text_.append(Milliseconds(nanoseconds));
}

void Line::BeginField(std::string_view key) {
  if (format_ == Format::kText) {
    text_.append(" ").append(key).append("=");
  } else {
    text_.append(",\"").append(key).append("\":");
  }
}

void Line::AppendQuoted(std::string_view value) {
  text_.push_back('"');
  for (const char c : value) {
    if (!IsPrintable(c)) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      text_.append(escape);
      continue;
    }
    if (c == '"' || c == '\\') text_.push_back('\\');
    text_.push_back(c);
  }
  text_.push_back('"');
}

void AddRecord(const Record& record, Line* line) {
  line->Add("method", record.method);
  line->Add("code", absl::StatusCodeToString(record.code));
  AddUnlessEmpty("reason", record.reason, line);
  AddUnlessEmpty("request_id", record.request_id, line);
  AddUnlessEmpty("trace_id", record.trace_id, line);
  AddUnlessEmpty("caller", record.caller, line);
  AddUnlessEmpty("profile_requested", record.profile_requested, line);
  AddUnlessEmpty("profile", record.profile, line);
  if (record.work) {
    const Work& work = *record.work;
    line->Add("items", work.items);
    line->Add("failed_items", work.failed_items);
    line->Add("tokens", work.tokens);
    line->Add("truncated_items", work.truncated_items);
    AddUnlessEmpty("priority", work.priority, line);
    line->Add("batch_items", work.batch_items);
    for (size_t i = 0; i < call::kPhases; ++i) {
      line->AddMilliseconds(absl::StrCat(call::kPhaseNames[i], "_ms"), work.phase_ns[i]);
    }
  }
  line->AddMilliseconds("total_ms", record.total_ns);
}

LineWriter::LineWriter(size_t capacity, Sink sink)
    : capacity_(capacity), sink_(std::move(sink)), thread_([this] { WriteLines(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_one();
  thread_.join();
}

bool LineWriter::Push(Level level, std::string line, size_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= capacity) return false;
    lines_.push_back({level, std::move(line)});
    if (lines_.size() > 1) return true;  // the push of the first line has woken the writer
  }
  available_.notify_one();
  return true;
}

void LineWriter::WriteLines() {
  std::unique_lock lock(mutex_);
  while (true) {
    available_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    const Waiting line = std::move(lines_.front());
    lines_.pop_front();
    lock.unlock();
    sink_(line.level, line.text);
    lock.lock();
  }
}

const std::array<RequestLog::Form, RequestLog::kKinds> RequestLog::kForms = {{
    {"request", Level::kInfo},
    {"slow request", Level::kWarn},
    {"request not answered", Level::kWarn},
    {"request failed", Level::kError},
}};

RequestLog::RequestLog(const Options& options, Sink sink)
    : options_(options), writer_(kMostWaitingLines, std::move(sink)) {}

RequestLog::~RequestLog() {
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const uint64_t suppressed = limits_[kind].suppressed.load();
    if (suppressed == 0) continue;
    Line line(options_.format, kForms[kind].message);
    line.Add("suppressed", suppressed);
    writer_.PushLast(kForms[kind].level, std::move(line.text()));
  }
  if (lost_.load() == 0) return;
  Line line(options_.format, "request log lost lines");
  line.Add("lost", lost_.load());
  writer_.PushLast(Level::kWarn, std::move(line.text()));
}

RequestLog::Kind RequestLog::KindOf(const Record& record) const {
  if (record.code == absl::StatusCode::kInternal) return Kind::kFailed;
  if (record.code != absl::StatusCode::kOk) return Kind::kNotAnswered;
  const bool slow = !record.length_is_the_clients && record.total_ns >= options_.slow_ns;
  return slow ? Kind::kSlow : Kind::kAnswered;
}

void RequestLog::Write(const Record& record) {
  const Kind kind = KindOf(record);
  const Form& form = kForms[static_cast<size_t>(kind)];
  if (form.level < options_.lowest) return;
  // Who asked for every call gets a line for each that was answered, however slow.
  const bool limited = kind != Kind::kAnswered && !(kind == Kind::kSlow && options_.every_call);
  Limit& limit = limits_[static_cast<size_t>(kind)];
  if (limited && !limit.rate.Take(record.ended)) {
    limit.suppressed.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Line line(options_.format, form.message);
  AddRecord(record, &line);
  const uint64_t suppressed = limit.suppressed.exchange(0, std::memory_order_relaxed);
  const uint64_t lost = lost_.exchange(0, std::memory_order_relaxed);
  if (suppressed > 0) line.Add("suppressed", suppressed);
  if (lost > 0) line.Add("lost", lost);
  if (writer_.Push(form.level, std::move(line.text()))) return;
  limit.suppressed.fetch_add(suppressed, std::memory_order_relaxed);
  lost_.fetch_add(lost + 1, std::memory_order_relaxed);
}

bool RateLimit::Take(Clock::time_point now) {
  const int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  int64_t taken = 0;
  do {
    taken = std::max(full_at, now_ns) + interval_ns_;
    if (taken - now_ns > 1'000'000'000) return false;
  } while (!full_at_ns_.compare_exchange_weak(full_at, taken, std::memory_order_relaxed));
  return true;
}

}  // namespace roberta::request_log
