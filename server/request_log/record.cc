#include "server/request_log/record.h"

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
  if (format_ == Format::kText && !value.empty() && std::all_of(value.begin(), value.end(), IsPlain)) {
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

}  // namespace roberta::request_log
