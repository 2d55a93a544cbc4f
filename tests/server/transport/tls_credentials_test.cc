#include "server/transport/tls_credentials.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <mutex>

#include "server/transport/services.h"
#include "tests/server/security/made_certificate.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::transport {
namespace {

using security::MadeCertificate;
using security::MakeCertificate;
using security::Role;

constexpr char kLoopback[] = "IP:127.0.0.1,DNS:localhost";

/// A server on the loopback interface with a certificate of `ca_`; it knows the callers "app" by the URI and "operator"
/// by the common name in their certificates.
class TlsTest : public ::testing::Test {
 protected:
  explicit TlsTest(bool asks_for_certificate = true, bool requires_certificate = false)
      : credentials_(MakeTlsCredentials({.current = [this] { return Current(); },
                                         .asks_for_certificate = asks_for_certificate,
                                         .requires_certificate = requires_certificate})) {
    Use(server_, asks_for_certificate ? ca_.pem : "");
    guard_.Use({{.caller = {.name = "app", .role = Role::kInference}, .identity = "spiffe://example/app"},
                {.caller = {.name = "operator", .role = Role::kAdmin}, .identity = "the operator"}});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials_, &port_);
    builder.RegisterService(&service_);
    grpc_server_ = builder.BuildAndStart();
  }
  ~TlsTest() override { grpc_server_->Shutdown(); }

  void Use(const MadeCertificate& server, const std::string& client_ca) {
    const std::lock_guard lock(mutex_);
    material_ = std::make_shared<const security::TlsMaterial>(
        security::TlsMaterial{.certificate_chain = server.pem, .key = server.key_pem, .client_ca = client_ca});
  }
  std::shared_ptr<const security::TlsMaterial> Current() {
    const std::lock_guard lock(mutex_);
    return material_;
  }

  using Stub = std::unique_ptr<v1::Classifier::Stub>;
  /// A new connection of a client that trusts `ca`.
  Stub Connect(const MadeCertificate& ca, const MadeCertificate* own = nullptr) const {
    grpc::SslCredentialsOptions options = {.pem_root_certs = ca.pem};
    if (own != nullptr) options.pem_private_key = own->key_pem, options.pem_cert_chain = own->pem;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::Classifier::NewStub(
        grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port_), grpc::SslCredentials(options), arguments));
  }
  static grpc::StatusCode Call(const Stub& stub) {
    grpc::ClientContext context;
    v1::ClassifyRequest request;
    request.add_items()->set_text("good");
    v1::ClassifyResponse response;
    return stub->Classify(&context, request, &response).error_code();
  }
  grpc::StatusCode CallWith(const security::CertificateOptions& options) {
    const MadeCertificate own = MakeCertificate(options);
    return Call(Connect(ca_, &own));
  }

  std::mutex mutex_;
  std::shared_ptr<const security::TlsMaterial> material_;  ///< guarded by mutex_
  const MadeCertificate ca_ = MakeCertificate({.common_name = "a CA", .is_ca = true});
  const MadeCertificate other_ca_ = MakeCertificate({.common_name = "another CA", .is_ca = true});
  const MadeCertificate server_ =
      MakeCertificate({.common_name = "server", .alternative_names = kLoopback, .issuer = &ca_});
  security::Guard guard_{
      {.anonymous_role = Role::kNone, .certificates = true, .failure_delay = std::chrono::milliseconds(0)}};
  service::PuppetServer puppet_{std::make_shared<service::PuppetProfile>()};
  ClassifierService service_{&puppet_.classification, &puppet_.streams, &puppet_.comparison, &guard_};
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> grpc_server_;
};

class MutualTlsTest : public TlsTest {
 protected:
  MutualTlsTest() : TlsTest(true, true) {}
};

class OneSidedTlsTest : public TlsTest {
 protected:
  OneSidedTlsTest() : TlsTest(false) {}
};

TEST_F(OneSidedTlsTest, CallersAreNotAskedForACertificate) {
  EXPECT_EQ(Call(Connect(ca_)), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &ca_}), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &other_ca_}), grpc::StatusCode::UNAUTHENTICATED);
  Use(MakeCertificate({.common_name = "server", .alternative_names = kLoopback, .issuer = &other_ca_}), "");
  EXPECT_EQ(Call(Connect(other_ca_)), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(TlsTest, ANameInTheCertificateIsACaller) {
  EXPECT_EQ(
      CallWith({.common_name = "x", .alternative_names = "DNS:a.example,URI:spiffe://example/app", .issuer = &ca_}),
      grpc::StatusCode::OK);
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &ca_}), grpc::StatusCode::OK);
  EXPECT_EQ(CallWith({.common_name = "nobody", .issuer = &ca_}), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Call(Connect(ca_)), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(MutualTlsTest, ACertificateThatIsMissingExpiredOrOfAnotherCaIsRefused) {
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &ca_}), grpc::StatusCode::OK);
  EXPECT_EQ(Call(Connect(ca_)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &other_ca_}), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CallWith({.common_name = "the operator"}), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CallWith({.common_name = "the operator", .issuer = &ca_, .valid_from_s = -7200, .valid_to_s = -60}),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AClientRefusesAServerThatIsNotWhatItShouldBe) {
  EXPECT_EQ(Call(Connect(other_ca_)), grpc::StatusCode::UNAVAILABLE);
  Use(MakeCertificate({.common_name = "server", .alternative_names = "DNS:another.example", .issuer = &ca_}), ca_.pem);
  EXPECT_EQ(Call(Connect(ca_)), grpc::StatusCode::UNAVAILABLE);
  Use(MakeCertificate({.common_name = "server",
                       .alternative_names = kLoopback,
                       .issuer = &ca_,
                       .valid_from_s = -7200,
                       .valid_to_s = -60}),
      ca_.pem);
  EXPECT_EQ(Call(Connect(ca_)), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, TheNextHandshakeHasTheNewMaterialAndConnectionsGoOn) {
  const MadeCertificate caller = MakeCertificate({.common_name = "the operator", .issuer = &ca_});
  const Stub before = Connect(ca_, &caller);
  EXPECT_EQ(Call(before), grpc::StatusCode::OK);
  Use(MakeCertificate({.common_name = "server", .alternative_names = kLoopback, .issuer = &other_ca_}), other_ca_.pem);
  EXPECT_EQ(Call(before), grpc::StatusCode::OK);
  const MadeCertificate other_caller = MakeCertificate({.common_name = "the operator", .issuer = &other_ca_});
  EXPECT_EQ(Call(Connect(other_ca_, &other_caller)), grpc::StatusCode::OK);
  EXPECT_EQ(Call(Connect(other_ca_, &caller)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Call(Connect(ca_, &caller)), grpc::StatusCode::UNAVAILABLE);
}

/// Whether a client that speaks no later version than `version` comes to terms with the server.
bool Handshakes(int port, int version) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_security_level(context.get(), 0);  // else this client refuses by itself
  SSL_CTX_set_max_proto_version(context.get(), version);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> connection(BIO_new_ssl_connect(context.get()), BIO_free_all);
  std::string address = "127.0.0.1:" + std::to_string(port);
  BIO_ctrl(connection.get(), BIO_C_SET_CONNECT, 0, address.data());
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  const unsigned char kAlpn[] = {2, 'h', '2'};
  SSL_set_alpn_protos(ssl, kAlpn, sizeof kAlpn);
  return BIO_do_connect(connection.get()) == 1 && BIO_do_handshake(connection.get()) == 1;
}

TEST_F(TlsTest, Tls12IsTheOldestThatIsSpoken) {
  EXPECT_TRUE(Handshakes(port_, TLS1_3_VERSION));
  EXPECT_TRUE(Handshakes(port_, TLS1_2_VERSION));
  EXPECT_FALSE(Handshakes(port_, TLS1_1_VERSION));
}

}  // namespace
}  // namespace roberta::transport
