#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace roberta::app {

/// What `roberta-server make-token` was told.
struct TokenRequest {
  std::string name;
  std::string role;
  std::string file;  ///< the credentials file to add it to; empty: none
};

struct NewCredential {
  std::string token;  ///< shown once, and kept nowhere
  std::string entry;  ///< the line of a credentials file by which it is recognized, without a newline
};

/// Makes a token of 256 random bits. A file is added to, or made for its owner alone. Errors, after which it is as it
/// was: those of security::ParseCredentials, and FailedPrecondition for a file that others may write or that cannot be
/// written.
absl::StatusOr<NewCredential> MakeToken(const TokenRequest& request);

}  // namespace roberta::app
