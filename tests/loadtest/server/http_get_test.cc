#include "loadtest/server/http_get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadtest/server/page_server.h"

namespace roberta::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(1);

TEST(BodyOf, IsWhatFollowsTheHeaders) {
  EXPECT_EQ(*BodyOf("HTTP/1.0 200 OK\r\nServer: x\r\n\r\na\r\n\r\nb"), "a\r\n\r\nb");
  EXPECT_EQ(*BodyOf("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"), "abc");
  EXPECT_EQ(*BodyOf("HTTP/1.1 200\r\n\r\n"), "");
}

TEST(BodyOf, ABodyThatIsNotAsLongAsAnnouncedIsNone) {
  for (const char* length : {"2", "4", "-3", "x", "", "99999999999999999999999"}) {
    EXPECT_FALSE(BodyOf(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", length, "\r\n\r\nabc")).ok()) << length;
  }
}

TEST(BodyOf, OtherStatusesAreTold) {
  EXPECT_THAT(BodyOf("HTTP/1.1 404 Not Found\r\n\r\nno").status().message(), HasSubstr("HTTP/1.1 404 Not Found"));
  EXPECT_FALSE(BodyOf("HTTP/1.1 2000 OK\r\n\r\nno").ok());
}

TEST(BodyOf, WhatIsNoHttpIsShownWithoutControlCharacters) {
  const absl::Status status = BodyOf(std::string("PRI * \x1b[31m\x00 HTTP/2.0", 20)).status();
  EXPECT_THAT(status.message(), HasSubstr("PRI * ?[31m? HTTP/2"));
  for (const char* text : {"", "HTTP/1.1 200 OK\r\n", "HTTP/2 200 OK\r\n\r\nx", "\r\n\r\n"}) {
    EXPECT_FALSE(BodyOf(text).ok()) << text;
  }
}

TEST(HttpGet, AsksForThePathAndGivesTheBody) {
  std::string asked;
  PageServer server([&](const std::string& request) {
    asked = request;
    return OkAnswer("body");
  });
  EXPECT_EQ(*HttpGet(server.address(), "/metrics", kLong), "body");
  EXPECT_THAT(asked, StartsWith("GET /metrics HTTP/1.0\r\nHost: " + server.address() + "\r\n"));
}

TEST(HttpGet, APageLargerThanAllowedIsRefused) {
  PageServer server([](const std::string&) { return OkAnswer(std::string(kMostPageBytes + 1, 'x')); });
  EXPECT_TRUE(absl::IsUnavailable(HttpGet(server.address(), "/", kLong).status()));
}

TEST(HttpGet, AnEndlessAnswerIsCutOff) {
  PageServer server(
      [](const std::string&) { return "HTTP/1.1 200 OK\r\n\r\n" + std::string(3 * kMostPageBytes, 'x'); });
  EXPECT_TRUE(absl::IsUnavailable(HttpGet(server.address(), "/", kLong).status()));
}

TEST(HttpGet, ASilentServerIsGivenUp) {
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listening, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listening, 1), 0);  // the kernel connects, and nobody answers
  getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  const std::string silent = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  const absl::Status status = HttpGet(silent, "/", std::chrono::milliseconds(20)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("no answer within 20 ms"));
  close(listening);
}

TEST(HttpGet, ErrorsNameTheAddress) {
  const std::string nobody = NobodysAddress();
  const absl::Status refused = HttpGet(nobody, "/", kLong).status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(refused.message(), HasSubstr(nobody));
  EXPECT_THAT(refused.message(), HasSubstr("refused"));
}

TEST(HttpGet, WhatIsNoAddressIsInvalid) {
  for (const char* address : {"", "host", ":80", "host:", "host:0", "host:65536", "host:x", "host:-1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HttpGet(address, "/", kLong).status())) << address;
  }
}

TEST(SpeaksHttp1, TellsAnHttpServerFromOthers) {
  PageServer http([](const std::string&) { return "HTTP/1.1 404 Not Found\r\n\r\n"; });
  EXPECT_TRUE(SpeaksHttp1(http.address(), kLong));
  PageServer other([](const std::string&) { return std::string("\0\0\0\4", 4); });
  EXPECT_FALSE(SpeaksHttp1(other.address(), kLong));
  EXPECT_FALSE(SpeaksHttp1(NobodysAddress(), kLong));
}

}  // namespace
}  // namespace roberta::server
