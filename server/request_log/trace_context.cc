#include "server/request_log/trace_context.h"

#include <algorithm>

namespace roberta::request_log {

namespace {

constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = kParentAt + kParentDigits + 1;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kLength = kFlagsAt + kFlagsDigits;

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::optional<TraceParent> ParseTraceparent(std::string_view header) {
  if (header.size() < kLength) return std::nullopt;
  const std::string_view version = header.substr(0, kVersionDigits);
  if (!IsLowerHex(version) || version == "ff") return std::nullopt;
  if (version == "00" && header.size() != kLength) return std::nullopt;
  if (header.size() > kLength && header[kLength] != '-') return std::nullopt;  // what a later version adds
  for (const size_t dash : {kTraceAt - 1, kParentAt - 1, kFlagsAt - 1}) {
    if (header[dash] != '-') return std::nullopt;
  }
  TraceParent parent;
  parent.trace_id = header.substr(kTraceAt, kTraceDigits);
  parent.parent_id = header.substr(kParentAt, kParentDigits);
  const std::string_view flags = header.substr(kFlagsAt, kFlagsDigits);
  if (!IsId(parent.trace_id) || !IsId(parent.parent_id) || !IsLowerHex(flags)) return std::nullopt;
  const int low_digit = flags[1] <= '9' ? flags[1] - '0' : flags[1] - 'a' + 10;
  parent.sampled = low_digit % 2 == 1;
  return parent;
}

}  // namespace roberta::request_log
