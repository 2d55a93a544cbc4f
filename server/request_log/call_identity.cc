#include "server/request_log/call_identity.h"

#include "server/request_log/request_id.h"
#include "server/request_log/trace_context.h"

namespace roberta::request_log {

CallIdentity MakeIdentity(std::optional<std::string_view> request_id, std::optional<std::string_view> traceparent) {
  CallIdentity identity;
  identity.request_id = request_id && IsValidRequestId(*request_id) ? std::string(*request_id) : NewRequestId();
  if (!traceparent) return identity;
  if (const auto parent = ParseTraceparent(*traceparent)) identity.trace_id = parent->trace_id;
  return identity;
}

}  // namespace roberta::request_log
