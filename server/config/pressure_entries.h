#pragma once

#include "absl/status/status.h"
#include "config/server_config.pb.h"

namespace roberta::config {

/// Fill every field that is unset with its default: both are off.
void CompleteBrownOut(BrownOut* brown_out);
void CompleteShadow(Shadow* shadow);

/// Check the entry of a completed config, whether it is on or off. InvalidArgument names the first field and value that
/// is wrong.
absl::Status CheckBrownOut(const ServerConfig& config);
absl::Status CheckShadow(const ServerConfig& config);

}  // namespace roberta::config
