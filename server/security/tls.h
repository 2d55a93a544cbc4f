#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct ssl_ctx_st;

namespace roberta::security {

/// What a TLS server needs, checked: the certificate and the key belong together. Strings are PEM.
struct TlsMaterial {
  std::string certificate_chain;  ///< the server's certificate, then those that lead to its CA
  std::string key;
  std::string client_ca;                          ///< of callers; empty: they are not asked for certificates
  std::shared_ptr<ssl_ctx_st> context = nullptr;  ///< the same for OpenSSL, with TLS 1.2 or 1.3; not to be changed
  std::chrono::system_clock::time_point expires;
  std::vector<std::string> warnings;  ///< what callers may object to, in sentences
};

/// The PEM of each, and the names of the files for errors.
struct TlsInput {
  std::string certificate_chain, key, client_ca;
  std::string certificate_file, key_file, client_ca_file;
  bool require_client_certificate = false;  ///< callers without one are refused
};

/// Checks them by making the context. InvalidArgument names the file: it is not PEM, the key is encrypted, weak, or not
/// that of the certificate. A certificate that has expired or is not valid yet is a warning.
absl::StatusOr<TlsMaterial> ReadTls(TlsInput input);

}  // namespace roberta::security
