#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roberta::request_log {

/// By what a call can be found again, in its client's log and in ours.
struct CallIdentity {
  std::string request_id;
  std::string trace_id;  ///< 32 lower-case hex digits; empty: it belongs to no trace
};

/// `request_id` is what the client calls the request: kept if IsValidRequestId, else a fresh one takes its place.
/// `traceparent` is a header as W3C Trace Context has it: ignored if it is not valid.
CallIdentity MakeIdentity(std::optional<std::string_view> request_id, std::optional<std::string_view> traceparent);

}  // namespace roberta::request_log
