#pragma once

#include <optional>
#include <string_view>

namespace roberta::request_log {

/// What a `traceparent` says: which trace a request belongs to. Views into what was parsed.
struct TraceParent {
  std::string_view trace_id;   ///< 32 lower-case hex digits, not all 0
  std::string_view parent_id;  ///< 16 of them, not all 0
  bool sampled = false;        ///< the caller may have recorded it
};

/// Reads a header as W3C Trace Context has it (https://www.w3.org/TR/trace-context/#traceparent-header): version 00
/// strictly, a later one as far as that can be read. nullopt for one that is to be ignored.
std::optional<TraceParent> ParseTraceparent(std::string_view header);

}  // namespace roberta::request_log
