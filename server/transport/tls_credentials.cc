#include "server/transport/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <list>
#include <utility>

namespace roberta::transport {
namespace {

/// gRPC keeps what it fetched last for each port, and asks before each handshake whether there is something newer.
struct TlsPort {
  const TlsOptions* options;
  std::shared_ptr<const security::TlsMaterial> fetched;
};

grpc_ssl_certificate_config_reload_status Fetch(void* port, grpc_ssl_server_certificate_config** config) {
  auto* const fetching = static_cast<TlsPort*>(port);
  std::shared_ptr<const security::TlsMaterial> current = fetching->options->current();
  if (current == fetching->fetched) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {current->key.c_str(), current->certificate_chain.c_str()};
  // gRPC insists on some certificate here, which counts for nothing where callers are not asked for theirs.
  const std::string& client_ca = current->client_ca.empty() ? current->certificate_chain : current->client_ca;
  *config = grpc_ssl_server_certificate_config_create(client_ca.c_str(), &pair, 1);
  fetching->fetched = std::move(current);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

class TlsCredentials final : public grpc::ServerCredentials {
 public:
  explicit TlsCredentials(TlsOptions options) : options_(std::move(options)) {}

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    const auto request = options_.requires_certificate   ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                         : options_.asks_for_certificate ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    grpc_server_credentials* const credentials =
        grpc_ssl_server_credentials_create_with_options(grpc_ssl_server_credentials_create_options_using_config_fetcher(
            request, Fetch, &ports_.emplace_back(TlsPort{&options_, {}})));
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  const TlsOptions options_;
  std::list<TlsPort> ports_;  // gRPC has pointers to them
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(TlsOptions options) {
  return std::make_shared<TlsCredentials>(std::move(options));
}

}  // namespace roberta::transport
