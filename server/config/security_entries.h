#pragma once

#include <string>

#include "absl/status/status.h"
#include "config/server_config.pb.h"

// The entries of a config about who may connect and call: tls, access and listen.allow_insecure.
namespace roberta::config {

/// Fills in the role of callers without credentials.
void CompleteSecurity(ServerConfig* config);

/// InvalidArgument names the first field and value that is wrong; so it does if nobody could call, and if a host other
/// than loopback is open to others without `listen.allow_insecure`. Reads no file.
absl::Status CheckSecurity(const ServerConfig& config);

/// What of a config that CheckSecurity accepted is open to others, as a sentence for the log; empty if nothing is.
std::string WhatIsOpen(const ServerConfig& config);

}  // namespace roberta::config
