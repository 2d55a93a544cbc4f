#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <vector>

#include "absl/status/status.h"
#include "server/service/request_validation.h"

namespace roberta::transport {

/// The same code and message for gRPC, with a google.rpc.BadRequest detail that lists `problems`, if there are any, and
/// a google.rpc.RetryInfo if `status` carries a retry delay. The list is cut, and says so, before it outgrows what a
/// trailer may hold (8 KiB by default, all trailers together).
grpc::Status ToGrpcStatus(const absl::Status& status, const std::vector<service::FieldProblem>& problems);

}  // namespace roberta::transport
