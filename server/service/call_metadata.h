#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <string>

#include "server/request_log/call_identity.h"

namespace roberta::service {

/// Reads the metadata x-request-id and traceparent, and answers with the trailing metadata x-request-id. One that came
/// more than once is as good as none.
request_log::CallIdentity Identify(grpc::CallbackServerContext* context);

/// The metadata x-profile, the first of them; empty if there is none.
std::string ProfileOfMetadata(const grpc::CallbackServerContext& context);

/// Adds the trailing metadata x-queue-time, x-inference-time and x-total-time: milliseconds with three decimals.
void AddTimes(int64_t queue_ns, int64_t infer_ns, int64_t total_ns, grpc::CallbackServerContext* context);

}  // namespace roberta::service
