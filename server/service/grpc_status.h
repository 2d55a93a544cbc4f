#pragma once

#include <grpcpp/support/status.h>

#include <vector>

#include "absl/status/status.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// The same code and message for gRPC, with a google.rpc.BadRequest detail that lists `problems`. The list is cut, and
/// says so, before it outgrows what a trailer may hold (8 KiB by default, all trailers together).
grpc::Status ToGrpcStatus(const absl::Status& status, const std::vector<FieldProblem>& problems);

}  // namespace roberta::service
