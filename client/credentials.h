#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace roberta::client {

/// How a connection is secured, and who the caller is.
struct Credentials {
  bool tls = false;
  std::string ca_pem;                    ///< CA of the server's certificate; empty: the system's CAs
  std::string certificate_pem, key_pem;  ///< of the caller, for mutual TLS; both or neither
  /// What the server's certificate must be for, instead of the address: "classify.example.com" of a server that is
  /// asked at 127.0.0.1. Empty: the address.
  std::string server_name;
  std::string token;  ///< sent with every call as its bearer token; empty: none
};

/// The files that Credentials are read from.
struct CredentialFiles {
  bool tls = false;
  std::string ca, certificate, key, token;  ///< empty: none
  std::string server_name;                  ///< no file: as in Credentials
};

/// For a connection to `address`, as gRPC takes it. Errors name file or option: NotFound for what cannot be read;
/// InvalidArgument for a file that is not PEM, a token that is not one printable line, a certificate without its key,
/// and anything without TLS, but for a token to this host (a loopback address or a Unix socket): it must not be sent in
/// the clear where others could read it.
absl::StatusOr<Credentials> ReadCredentials(const CredentialFiles& files, const std::string& address = "");

}  // namespace roberta::client
