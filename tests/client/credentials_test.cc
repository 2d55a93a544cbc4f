#include "client/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "client/client.h"
#include "client/direct_client.h"
#include "tests/client/fake_server.h"
#include "tests/test_paths.h"

namespace roberta::client {
namespace {

using ::testing::HasSubstr;

constexpr Timeout kTimeout = std::chrono::seconds(60);

std::string Tls(const std::string& name) {
  return test_paths::InRepository("tests/client/tls/" + name);
}

std::string FileWith(const std::string& text) {
  const std::string name = ::testing::TempDir() + "/credentials_test";
  std::ofstream(name) << text;
  return name;
}

TEST(ReadCredentials, WithoutTlsThereAreNone) {
  const auto credentials = ReadCredentials({});
  ASSERT_TRUE(credentials.ok());
  EXPECT_FALSE(credentials->tls);
}

TEST(ReadCredentials, FilesAreRead) {
  const auto credentials = ReadCredentials({.tls = true,
                                            .ca = Tls("ca.pem"),
                                            .certificate = Tls("caller.pem"),
                                            .key = Tls("caller.key"),
                                            .token = FileWith("\xEF\xBB\xBFsecret-1.2_3\r\n\r\n")});
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  EXPECT_THAT(credentials->ca_pem, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(credentials->key_pem, HasSubstr("BEGIN PRIVATE KEY"));
  EXPECT_EQ(credentials->token, "secret-1.2_3");
}

TEST(ReadCredentials, WhatIsWrongIsNamed) {
  const std::pair<CredentialFiles, const char*> wrong[] = {
      {{.token = "t"}, "a token needs TLS"},
      {{.ca = "c"}, "needs TLS"},
      {{.tls = true, .certificate = "c"}, "a certificate needs its key"},
      {{.tls = true, .key = "k"}, "a certificate needs its key"},
      {{.tls = true, .ca = "/nowhere/ca.pem"}, "/nowhere/ca.pem: cannot read: No such file"},
      {{.tls = true, .ca = Tls("make")}, "make: not a PEM file"},
  };
  for (const auto& [files, what] : wrong) EXPECT_THAT(ReadCredentials(files).status().message(), HasSubstr(what));
}

TEST(ReadCredentials, ATokenWithoutTlsStaysOnThisHost) {
  const CredentialFiles files = {.token = FileWith("secret")};
  for (const char* here :
       {"127.0.0.1:8001", "127.1.2.3:1", "localhost:8001", "[::1]:8001", "unix:/run/x.sock", "dns:///localhost:1"}) {
    EXPECT_EQ(ReadCredentials(files, here).value_or(Credentials()).token, "secret") << here;
  }
  for (const char* away : {"", "10.0.0.1:8001", "127.example.org:8001", "localhost.example.org:1", "[::2]:8001"}) {
    EXPECT_THAT(ReadCredentials(files, away).status().message(), HasSubstr("a token needs TLS")) << away;
  }
  EXPECT_FALSE(ReadCredentials({.ca = Tls("ca.pem")}, "127.0.0.1:8001").ok());
}

TEST(ReadCredentials, ATokenIsOnePrintableLine) {
  for (const char* token : {"", "\n", "two words", "two\nlines", "\x01", "\xc3\xa4"}) {
    EXPECT_FALSE(ReadCredentials({.tls = true, .token = FileWith(token)}).ok()) << token;
  }
}

/// A server with the certificate of the tests; `who` may call. Answers the caller's token as the label.
class TlsTest : public ::testing::Test {
 protected:
  static grpc::Status EchoToken(grpc::ServerContext* context, const v1::ClassifyRequest&,
                                v1::ClassifyResponse* response) {
    const auto& metadata = context->client_metadata();
    const auto found = metadata.find("authorization");
    response->add_results()->mutable_classification()->set_label(
        found == metadata.end() ? "nobody" : std::string(found->second.data(), found->second.size()));
    return grpc::Status::OK;
  }
  static std::string Content(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(Tls(name)).rdbuf();
    return text.str();
  }
  static std::shared_ptr<grpc::ServerCredentials> ServerTls(grpc_ssl_client_certificate_request_type callers) {
    grpc::SslServerCredentialsOptions options(callers);
    options.pem_root_certs = Content("ca.pem");
    options.pem_key_cert_pairs.push_back({Content("server.key"), Content("server.pem")});
    return grpc::SslServerCredentials(options);
  }
  static Credentials Caller(const CredentialFiles& files) {
    auto credentials = ReadCredentials(files);
    EXPECT_TRUE(credentials.ok()) << credentials.status();
    return credentials.ok() ? *credentials : Credentials();
  }
  /// What both clients get for an answer.
  static std::pair<absl::Status, absl::Status> CallBoth(const std::string& address, const Credentials& credentials,
                                                        std::string* label = nullptr) {
    v1::ClassifyRequest request;
    request.add_items()->set_text("hello");
    Client client({.address = address, .credentials = credentials});
    const auto response = client.Classify(request, kTimeout);
    DirectClient direct({.address = address, .credentials = credentials});
    std::promise<Answer> promise;
    direct.Start(request.SerializeAsString(), kTimeout, [&](Answer answer) { promise.set_value(std::move(answer)); });
    const Answer answer = promise.get_future().get();
    if (response.ok() && answer.status.ok() && label != nullptr) {
      *label = response->results(0).classification().label();
      EXPECT_EQ(answer.response.results(0).classification().label(), *label);
    }
    return {response.status(), answer.status};
  }
};

TEST_F(TlsTest, TheTokenGoesWithEveryCall) {
  FakeServer server(EchoToken, nullptr, ServerTls(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  std::string label;
  const auto [status, direct] =
      CallBoth(server.address(), Caller({.tls = true, .ca = Tls("ca.pem"), .token = FileWith("secret\n")}), &label);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(direct.ok()) << direct;
  EXPECT_EQ(label, "Bearer secret");
}

TEST_F(TlsTest, WithoutATokenNoneGoes) {
  FakeServer server(EchoToken, nullptr, ServerTls(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  std::string label;
  CallBoth(server.address(), Caller({.tls = true, .ca = Tls("ca.pem")}), &label);
  EXPECT_EQ(label, "nobody");
}

TEST_F(TlsTest, AServerOfAnotherCaIsNotSpokenTo) {
  FakeServer server(EchoToken, nullptr, ServerTls(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  const auto [status, direct] = CallBoth(server.address(), Caller({.tls = true, .ca = Tls("other_ca.pem")}));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(direct)) << direct;
}

TEST_F(TlsTest, AServerWithoutTlsIsNotSpokenTo) {
  FakeServer server(EchoToken);
  const auto [status, direct] = CallBoth(server.address(), Caller({.tls = true, .ca = Tls("ca.pem")}));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(direct)) << direct;
}

TEST_F(TlsTest, AServerMayWantACertificateOfTheCaller) {
  FakeServer server(EchoToken, nullptr, ServerTls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY));
  const auto [status, direct] =
      CallBoth(server.address(),
               Caller({.tls = true, .ca = Tls("ca.pem"), .certificate = Tls("caller.pem"), .key = Tls("caller.key")}));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(direct.ok()) << direct;
  EXPECT_FALSE(CallBoth(server.address(), Caller({.tls = true, .ca = Tls("ca.pem")})).first.ok());
}

}  // namespace
}  // namespace roberta::client
