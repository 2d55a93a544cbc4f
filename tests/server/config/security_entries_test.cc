#include "server/config/security_entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/server_config.h"

namespace roberta::config {
namespace {

using ::testing::HasSubstr;

ServerConfig CompletedOf(const std::string& text) {
  ServerConfig config = ParseConfig(text, Format::kTextProto, "test").value();
  CompleteConfig({.model_directory = "m"}, 2, {{"baseline"}}, &config);
  return config;
}

absl::Status VerdictOf(const std::string& text) {
  return ValidateConfig(CompletedOf(text), {{"baseline"}});
}

constexpr char kTls[] = R"(tls { certificate_file: "c" key_file: "k" } )";

TEST(SecurityEntries, TheAnonymousMayDoAllWhereNobodyElseIsKnown) {
  EXPECT_EQ(CompletedOf("").access().anonymous_role(), "admin");
  EXPECT_EQ(CompletedOf(R"(access { credentials_file: "f" })").access().anonymous_role(), "none");
  EXPECT_EQ(CompletedOf(R"(tls { client_ca_file: "f" })").access().anonymous_role(), "none");
  EXPECT_EQ(CompletedOf(R"(access { credentials_file: "f" anonymous_role: "metadata" })").access().anonymous_role(),
            "metadata");
}

TEST(SecurityEntries, FlagsOverrideThem) {
  ServerConfig config;
  CompleteConfig({.model_directory = "m",
                  .tls_certificate = "c",
                  .tls_key = "k",
                  .tls_client_ca = "a",
                  .credentials_file = "f",
                  .anonymous_role = "inference",
                  .allow_insecure = true},
                 2, {{"baseline"}}, &config);
  EXPECT_EQ(config.tls().certificate_file(), "c");
  EXPECT_EQ(config.tls().key_file(), "k");
  EXPECT_EQ(config.tls().client_ca_file(), "a");
  EXPECT_EQ(config.access().credentials_file(), "f");
  EXPECT_EQ(config.access().anonymous_role(), "inference");
  EXPECT_TRUE(config.listen().allow_insecure());
}

TEST(SecurityEntries, WhatDoesNotFitTogetherIsNamed) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"(tls { certificate_file: "c" })", "tls.certificate_file is \"c\"; it must be given with tls.key_file"},
      {R"(tls { key_file: "k" })", "tls.key_file is \"k\"; it must be given with tls.certificate_file"},
      {R"(tls { client_ca_file: "a" })", "tls.client_ca_file is \"a\"; it must be given with tls.certificate_file"},
      {R"(tls { certificate_file: "c" key_file: "k" require_client_certificate: true })",
       "tls.require_client_certificate is true; it must be given with tls.client_ca_file"},
      {R"(access { anonymous_role: "root" })", "access.anonymous_role is \"root\"; it must be one of none, metadata"},
      {R"(access { anonymous_role: "none" })", "access.anonymous_role is none though there is no"},
      {R"(tls { certificate_file: "c" key_file: "k" client_ca_file: "a" })",
       "access.anonymous_role is none though there is no access.credentials_file"},
      {R"(access { failure_delay_ms: 10001 })", "access.failure_delay_ms is 10001"},
  };
  for (const auto& [text, what] : wrong) EXPECT_THAT(VerdictOf(text).message(), HasSubstr(what)) << text;
}

TEST(SecurityEntries, AnAddressThatOthersReachNeedsTlsAndRolesOrTheFlag) {
  for (const char* name : {"0.0.0.0", "::", "[::]", "10.0.0.1", "example.org", "127.example.org"}) {
    const std::string host = name;
    const std::string listen = "listen { host: \"" + host + "\" } ";
    EXPECT_THAT(VerdictOf(listen).message(), HasSubstr("as there is no TLS, and everybody may load")) << host;
    EXPECT_THAT(VerdictOf(listen + kTls).message(), HasSubstr("where others can connect: everybody may load")) << host;
    EXPECT_THAT(VerdictOf(listen + R"(access { credentials_file: "f" })").message(),
                HasSubstr("as there is no TLS; it must be loopback"))
        << host;
    EXPECT_TRUE(VerdictOf(listen + kTls + R"(access { credentials_file: "f" })").ok()) << host;
    EXPECT_TRUE(VerdictOf(listen + kTls + R"(access { anonymous_role: "inference" })").ok()) << host;
    EXPECT_TRUE(VerdictOf("listen { host: \"" + host + "\" allow_insecure: true }").ok()) << host;
  }
}

TEST(SecurityEntries, OnLoopbackNothingIsOpen) {
  for (const char* name : {"127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"}) {
    const std::string host = name;
    EXPECT_TRUE(VerdictOf("listen { host: \"" + host + "\" }").ok()) << host;
    EXPECT_EQ(WhatIsOpen(CompletedOf("listen { host: \"" + host + "\" }")), "") << host;
  }
}

TEST(SecurityEntries, WhatIsOpenIsSaid) {
  EXPECT_THAT(WhatIsOpen(CompletedOf(R"(listen { host: "0.0.0.0" allow_insecure: true })")),
              HasSubstr("read and changed on the way"));
}

}  // namespace
}  // namespace roberta::config
