#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::security {

/// What a TLS server needs, all of it PEM and checked: the certificate and the key belong together.
struct TlsMaterial {
  std::string certificate_chain;  ///< the server's certificate, then those that lead to its CA
  std::string key;
  std::string client_ca;  ///< of callers; empty: they are not asked for certificates
  std::chrono::system_clock::time_point expires;
  std::vector<std::string> warnings;  ///< what callers may object to, in sentences
};

/// The PEM of each, and the names of the files for errors.
struct TlsInput {
  std::string certificate_chain, key, client_ca;
  std::string certificate_file, key_file, client_ca_file;
};

/// Checks them as TLS will. InvalidArgument names the file: it is not PEM, the key is encrypted, weak, or not that of
/// the certificate. A certificate that has expired or is not valid yet is a warning.
absl::StatusOr<TlsMaterial> ReadTls(TlsInput input);

}  // namespace roberta::security
