#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct ssl_ctx_st;
struct ssl_st;

namespace roberta::http {

/// What a server proves its name with, and whom it believes. All are PEM.
struct TlsMaterial {
  std::string certificate_chain;  ///< the server's certificate first
  std::string key;
  std::string client_ca;  ///< certificates that vouch for clients; empty: clients are not asked for a certificate
  bool require_client_certificate = false;
};

/// What new connections are encrypted with: TLS 1.2 or 1.3. Immutable; any thread may use it.
class TlsContext {
 public:
  /// InvalidArgument names the part of the material that is wrong, and OpenSSL's reason.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Make(const TlsMaterial& material);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// OpenSSL's object, for one more owner.
  ssl_ctx_st* NewReference() const;

  /// The names of the certificate with which the peer of a connection proved who it is: subject alternative names
  /// (DNS, URI, email), then the common name. Empty without a verified one.
  static std::vector<std::string> NamesOfPeer(ssl_st* connection);

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* const context_;
};

}  // namespace roberta::http
