#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace roberta::loadtest::target {

inline constexpr size_t kMostPageBytes = 16 << 20;

/// The body of `http://<address><path>`. `address`: "host:port"; `path` begins with "/". Any thread may call. Proxies
/// of the environment are not used and redirections are not followed. Errors are one line and name the address:
/// InvalidArgument if it is not one, DeadlineExceeded if the whole page took longer than `timeout`, Unavailable for
/// anything else that is not a complete page of status 200 with at most kMostPageBytes.
absl::StatusOr<std::string> HttpGet(const std::string& address, const std::string& path,
                                    std::chrono::milliseconds timeout);

/// Whether the server at `address` speaks HTTP/1, which no gRPC server does.
bool SpeaksHttp1(const std::string& address, std::chrono::milliseconds timeout);

}  // namespace roberta::loadtest::target
