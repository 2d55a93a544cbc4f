#pragma once

#include <grpcpp/security/server_credentials.h>

#include <functional>
#include <memory>

#include "server/security/tls.h"

namespace roberta::transport {

struct TlsOptions {
  /// The material for the next handshake, never nullptr; any thread.
  std::function<std::shared_ptr<const security::TlsMaterial>()> current;
  bool asks_for_certificate = false;  ///< of the caller, which is verified; whether `current` has a client CA
  bool requires_certificate = false;  ///< connections without one are refused
};

/// TLS of at least 1.2, whose certificate, key and client CA may change between handshakes, always together; calls
/// under way go on. Must outlive the server. One thread at a time may hand connections to a port ("external:" ports
/// too): gRPC 1.51 replaces what handshakes are made by without a lock.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(TlsOptions options);

}  // namespace roberta::transport
