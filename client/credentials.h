#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace roberta::client {

/// How a connection is secured, and who calls.
struct Credentials {
  bool tls = false;
  std::string ca_pem;                    ///< what the server's certificate must stem from; empty: the system's
  std::string certificate_pem, key_pem;  ///< the caller's own, for mutual TLS; both or none
  std::string token;                     ///< goes with every call as its bearer token; empty: none
};

/// The files that a user names for that.
struct CredentialFiles {
  bool tls = false;
  std::string ca, certificate, key, token;  ///< empty: none
};

/// Errors name file or option: NotFound for what cannot be read; InvalidArgument for a file that is no PEM, a token
/// that is not one printable line, a certificate without its key, and anything without TLS, since a token must not be
/// sent in the clear.
absl::StatusOr<Credentials> ReadCredentials(const CredentialFiles& files);

}  // namespace roberta::client
