#include "loadtest/target/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadtest/target/page_server.h"

namespace roberta::loadtest::target {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(1);

TEST(HttpGet, AsksForThePathAndGivesTheBody) {
  std::string asked;
  PageServer server([&](const std::string& request) {
    asked = request;
    return OkAnswer("body");
  });
  EXPECT_EQ(*HttpGet(server.address(), "/metrics", kLong), "body");
  EXPECT_THAT(asked, StartsWith("GET /metrics HTTP/1.0\r\nHost: " + server.address() + "\r\n"));
}

TEST(HttpGet, ABodyThatIsShorterThanAnnouncedIsRefused) {
  PageServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc"; });
  EXPECT_TRUE(absl::IsUnavailable(HttpGet(server.address(), "/", kLong).status()));
}

TEST(HttpGet, OtherStatusesAreErrors) {
  PageServer server([](const std::string&) { return "HTTP/1.1 404 Not Found\r\n\r\nno"; });
  const absl::Status status = HttpGet(server.address(), "/", kLong).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(status.message(), HasSubstr("the HTTP status is 404"));
}

TEST(HttpGet, WhatIsNotHttpIsRefusedInOneLine) {
  for (const std::string& answer :
       {std::string("PRI * \x1b[31m\x00 HTTP/2.0", 20), std::string(), std::string("\r\n\r\n")}) {
    PageServer server([&](const std::string&) { return answer; });
    const absl::Status status = HttpGet(server.address(), "/", kLong).status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(status.message().find_first_of("\n\x1b"), absl::string_view::npos) << status;
  }
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
}  // namespace roberta::loadtest::target
