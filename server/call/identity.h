#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/security/role.h"

namespace roberta::call {

inline constexpr size_t kLongestRequestId = 128;

/// Whether a client may call its request `id`: 1 to kLongestRequestId printable ASCII characters without spaces. Such
/// an id fits a header, a log line and a shell word unchanged.
bool IsValidRequestId(std::string_view id);

/// 128 random bits as 32 lower-case hex digits: enough to tell requests apart, not to keep a secret. Any thread may
/// call; each thread has its own generator, so there is no lock, and no system call after a thread's first id.
std::string NewRequestId();

/// The trace that a `traceparent` header says a request belongs to: 32 lower-case hex digits, a view into the header.
/// By W3C Trace Context (https://www.w3.org/TR/trace-context/#traceparent-header): version 00 strictly, a later version
/// as far as it can be parsed. Returns nullopt for a header that the specification says to ignore.
std::optional<std::string_view> TraceIdOf(std::string_view header);

/// Identifies a call in the client's log and in ours.
struct Identity {
  std::string request_id;
  std::string trace_id;  ///< 32 lower-case hex digits; empty if the call belongs to no trace
};

/// `request_id` is the client's, if there is one: kept if IsValidRequestId, else replaced by a new one. An invalid
/// `traceparent` is ignored.
Identity MakeIdentity(std::optional<std::string_view> request_id, std::optional<std::string_view> traceparent);

/// What the transport knows of a call before its first message.
struct Head {
  Identity identity;
  std::string metadata_profile;  ///< from the metadata x-profile; empty if absent
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
  size_t connection = 0;  ///< a hash of the connection; 0: unknown, or it has one call at a time
  std::shared_ptr<const security::Caller> caller = nullptr;  ///< nullptr if nobody looked who calls
};

}  // namespace roberta::call
