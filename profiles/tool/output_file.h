#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace roberta::tool {

/// Finds out, before the work is done, whether WriteOutputFile could write there. Leaves nothing behind.
absl::Status CheckOutputFile(const std::string& path);

/// Writes a file that appears complete or not at all; what is no regular file, as a pipe or a device, is written to
/// directly. Errors name the file and what the system says.
absl::Status WriteOutputFile(const std::string& path, std::string_view text);

}  // namespace roberta::tool
