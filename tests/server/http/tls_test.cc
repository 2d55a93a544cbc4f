#include "server/security/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>
#include <future>
#include <sstream>

#include "tests/server/http/raw_client.h"
#include "tests/test_paths.h"

namespace roberta::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string PathOf(const std::string& name) {
  return test_paths::InRepository("tests/client/tls/" + name);
}

std::string TextOf(const std::string& name) {
  std::ifstream file(PathOf(name));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// With the certificate NAME.pem and its key. Clients are asked for a certificate of `client_ca` unless it is empty.
std::shared_ptr<SSL_CTX> ContextOf(const std::string& name, const std::string& client_ca = "",
                                   bool require_client_certificate = false) {
  security::TlsInput input = {.certificate_chain = TextOf(name + ".pem"), .key = TextOf(name + ".key")};
  if (!client_ca.empty()) input.client_ca = TextOf(client_ca);
  input.require_client_certificate = require_client_certificate;
  const auto material = security::ReadTls(std::move(input));
  EXPECT_TRUE(material.ok()) << material.status();
  return material.ok() ? material->context : nullptr;
}

/// A client that trusts ca.pem.
struct TlsClient {
  explicit TlsClient(uint16_t port, bool has_certificate = false, int version = 0) : tcp(port) {
    SSL_CTX_load_verify_locations(context.get(), PathOf("ca.pem").c_str(), nullptr);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (has_certificate) {
      SSL_CTX_use_certificate_file(context.get(), PathOf("caller.pem").c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context.get(), PathOf("caller.key").c_str(), SSL_FILETYPE_PEM);
    }
    ssl.reset(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), tcp.descriptor());
  }
  /// What comes in answer to `request`; empty if the handshake fails, which TLS 1.3 tells with the first read.
  std::string Ask(const std::string& request) {
    if (SSL_connect(ssl.get()) != 1) return "";
    SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
    char buffer[4096];
    const int got = SSL_read(ssl.get(), buffer, sizeof buffer);
    return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : "";
  }

  RawClient tcp;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
};

/// Answers with the names of the client's certificate.
void AnswerNames(const Request& request, Responder responder) {
  std::string names;
  for (const std::string& name : request.certificate_names) names += "<" + name + ">";
  responder.Respond({.body = names});
}

TEST(HttpTls, ServesTls12And13AndNothingOlder) {
  const auto server = StartServer(Echo);
  server->SetTls(ContextOf("server"));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_THAT(TlsClient(server->port(), false, version).Ask(Get("/a")), EndsWith("GET /a? ")) << version;
  }
  EXPECT_EQ(TlsClient(server->port(), false, TLS1_1_VERSION).Ask(Get("/a")), "");
}

TEST(HttpTls, ClearTextGetsNoAnswer) {
  const auto server = StartServer(Echo);
  server->SetTls(ContextOf("server"));
  RawClient client(server->port());
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadAll(), Not(HasSubstr("HTTP")));
}

TEST(HttpTls, AHandshakeThatIsNotFinishedInTimeEnds) {
  const auto server = StartServer(Echo, {.handshake_timeout = std::chrono::milliseconds(50)});
  server->SetTls(ContextOf("server"));
  RawClient client(server->port());
  client.Send("\x16\x03\x01");
  EXPECT_EQ(client.ReadAll(), "");
}

TEST(HttpTls, TheHandlerLearnsTheNamesOfAVerifiedClient) {
  const auto server = StartServer(AnswerNames);
  server->SetTls(ContextOf("server", "ca.pem"));
  EXPECT_THAT(TlsClient(server->port(), true).Ask(Get("/")), EndsWith("\r\n\r\n<localhost><caller for tests>"));
  EXPECT_THAT(TlsClient(server->port()).Ask(Get("/")), EndsWith("\r\n\r\n"));
}

TEST(HttpTls, AClientWithoutTheCertificateThatIsRequiredIsRefused) {
  const auto server = StartServer(AnswerNames);
  server->SetTls(ContextOf("server", "ca.pem", true));
  EXPECT_EQ(TlsClient(server->port()).Ask(Get("/")), "");
  EXPECT_THAT(TlsClient(server->port(), true).Ask(Get("/")), HasSubstr("200 OK"));
  server->SetTls(ContextOf("server", "other_ca.pem", true));
  EXPECT_EQ(TlsClient(server->port(), true).Ask(Get("/")), "");
}

TEST(HttpTls, NewMaterialIsForNewConnections) {
  const auto server = StartServer(Echo);
  server->SetTls(ContextOf("server"));
  TlsClient before(server->port());
  EXPECT_THAT(before.Ask(Get("/a")), EndsWith("GET /a? "));
  server->SetTls(ContextOf("caller"));
  TlsClient after(server->port());
  EXPECT_THAT(after.Ask(Get("/a")), EndsWith("GET /a? "));
  char name[64];
  X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(after.ssl.get())), NID_commonName, name,
                            64);
  EXPECT_STREQ(name, "caller for tests");
  const std::string again = Get("/b");
  EXPECT_EQ(SSL_write(before.ssl.get(), again.data(), static_cast<int>(again.size())), static_cast<int>(again.size()));
  char buffer[4096];
  EXPECT_GT(SSL_read(before.ssl.get(), buffer, sizeof buffer), 0);
}

}  // namespace
}  // namespace roberta::http
