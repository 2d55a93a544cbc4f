#pragma once

#include <chrono>
#include <optional>

#include "absl/status/status.h"

namespace roberta::service {

/// `status` with the advice to try again after `delay`, in whole milliseconds and at least one: it travels as a
/// google.rpc.RetryInfo detail and as gRPC's pushback (see grpc_status.h).
absl::Status WithRetryDelay(absl::Status status, std::chrono::nanoseconds delay);

/// The advice that `status` carries, if any.
std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status);

}  // namespace roberta::service
