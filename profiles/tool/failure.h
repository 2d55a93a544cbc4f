#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace roberta::tool {

/// Tells on standard error, in one line that begins with "error: ", what failed. Returns the exit code for it, 1.
int Fail(const absl::Status& status);
int Fail(std::string_view text);

}  // namespace roberta::tool
