#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace roberta::request_log {

inline constexpr size_t kLongestRequestId = 128;

/// Whether a client may call its request `id`: 1 to kLongestRequestId printable ASCII characters, no space. Such an id
/// fits a header, a log line and a shell's word as it is.
bool IsValidRequestId(std::string_view id);

/// 128 random bits as 32 lower-case hex digits. Good enough to tell requests apart, not to keep a secret. Any thread
/// may call; each has a generator of its own, so there is no lock, and no system call after a thread's first.
std::string NewRequestId();

}  // namespace roberta::request_log
