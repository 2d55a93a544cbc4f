#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace roberta::soak {

/// Resident memory of a process in bytes; 0 if there is none.
int64_t ResidentBytes(pid_t pid);

/// Prints both sizes. A sentence if `after_bytes` is more than a twentieth and 16 MiB above `before_bytes`; nothing
/// where AddressSanitizer runs, which keeps what was freed for a while, and finds leaks itself.
std::vector<std::string> GrowthOf(const std::string& what, int64_t before_bytes, int64_t after_bytes);

}  // namespace roberta::soak
