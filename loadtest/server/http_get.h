#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roberta::server {

inline constexpr size_t kMostPageBytes = 16 << 20;

/// The body of `http://<address>/<path>`. `address`: "host:port"; `path` begins with "/". Errors are one line and name
/// the address: InvalidArgument for an address that is none, DeadlineExceeded if all of it took longer than `timeout`,
/// Unavailable for everything else that is not a whole page of status 200 and at most kMostPageBytes.
absl::StatusOr<std::string> HttpGet(const std::string& address, std::string_view path,
                                    std::chrono::milliseconds timeout);

/// The body of a whole answer to a request of HTTP/1.0. Unavailable if it is none, or its status is not 200, or its
/// body is not as long as it says.
absl::StatusOr<std::string> BodyOf(std::string_view answer);

/// Whether somebody at `address` speaks HTTP/1, which no gRPC server does.
bool SpeaksHttp1(const std::string& address, std::chrono::milliseconds timeout);

}  // namespace roberta::server
