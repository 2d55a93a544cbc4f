#include "server/call/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace roberta::call {
namespace {

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Identity, IsWhatTheClientSays) {
  const Identity identity = MakeIdentity("mine-1", kTraceparent);
  EXPECT_EQ(identity.request_id, "mine-1");
  EXPECT_EQ(identity.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST(Identity, HasAFreshRequestIdWhereTheClientHasNoneOrAnImpossibleOne) {
  for (const std::optional<std::string_view> id : {std::optional<std::string_view>(), {""}, {"two words"}, {"a\nb"}}) {
    EXPECT_THAT(MakeIdentity(id, kTraceparent).request_id, testing::MatchesRegex("[0-9a-f]{32}"));
  }
}

TEST(Identity, BelongsToNoTraceWhereTheHeaderIsMissingOrWrong) {
  EXPECT_EQ(MakeIdentity("mine-1", std::nullopt).trace_id, "");
  EXPECT_EQ(MakeIdentity("mine-1", "00-nonsense").trace_id, "");
}

TEST(RequestId, PrintableAsciiWithoutSpacesIsValid) {
  std::string all;
  for (char c = '!'; c <= '~'; ++c) all.push_back(c);
  EXPECT_TRUE(IsValidRequestId(all));
  EXPECT_TRUE(IsValidRequestId("x"));
}

TEST(RequestId, OneWithAnotherByteIsNotValid) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string id = {'a', static_cast<char>(byte), 'b'};
    EXPECT_EQ(IsValidRequestId(id), byte > ' ' && byte <= '~') << byte;
  }
}

TEST(RequestId, OfNoOrTooManyCharactersIsNotValid) {
  EXPECT_FALSE(IsValidRequestId(""));
  EXPECT_TRUE(IsValidRequestId(std::string(kLongestRequestId, 'x')));
  EXPECT_FALSE(IsValidRequestId(std::string(kLongestRequestId + 1, 'x')));
}

TEST(RequestId, AFreshOneIs32LowerCaseHexDigits) {
  EXPECT_THAT(NewRequestId(), testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST(RequestId, FreshOnesDifferOverAllThreads) {
  constexpr size_t kThreads = 8, kIds = 10000;
  std::vector<std::vector<std::string>> ids(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kIds; ++i) ids[t].push_back(NewRequestId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> different;
  for (const auto& of_thread : ids) different.insert(of_thread.begin(), of_thread.end());
  EXPECT_EQ(different.size(), kThreads * kIds);
}

TEST(RequestId, EveryDigitOfFreshOnesTakesEveryValue) {
  std::vector<std::set<char>> seen(32);
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    for (size_t digit = 0; digit < id.size(); ++digit) seen[digit].insert(id[digit]);
  }
  for (const std::set<char>& digits : seen) EXPECT_EQ(digits.size(), 16u);
}

// The example of the specification.
constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& rest = "-01") {
  return absl::StrCat(version, "-", kTrace, "-", kParent, rest);
}

TEST(Traceparent, OfVersion00HasATraceAParentAndFlags) {
  const std::string header = Header("00");
  EXPECT_EQ(TraceIdOf(header), kTrace);
}

TEST(Traceparent, MayHaveAnyFlags) {
  for (const char* flags : {"-00", "-02", "-fe", "-0a", "-ff"}) EXPECT_TRUE(TraceIdOf(Header("00", flags))) << flags;
}

TEST(Traceparent, OfVersion00EndsAfterTheFlags) {
  EXPECT_FALSE(TraceIdOf(Header("00", "-01-")));
  EXPECT_FALSE(TraceIdOf(Header("00", "-01-what-the-future-will-be-like")));
  EXPECT_FALSE(TraceIdOf(Header("00", "-011")));
  EXPECT_FALSE(TraceIdOf(Header("00", "-01 ")));
}

TEST(Traceparent, OfALaterVersionMayGoOnAfterADash) {
  EXPECT_TRUE(TraceIdOf(Header("01")));
  EXPECT_TRUE(TraceIdOf(Header("cc", "-01-what-the-future-will-be-like")));
  EXPECT_TRUE(TraceIdOf(Header("fe", "-01-")));
  EXPECT_FALSE(TraceIdOf(Header("cc", "-01.what-the-future-will-not-be-like")));
  EXPECT_FALSE(TraceIdOf(Header("01", "-011")));
}

TEST(Traceparent, VersionFfIsNone) {
  EXPECT_FALSE(TraceIdOf(Header("ff")));
}

TEST(Traceparent, OneThatIsCutOffIsIgnored) {
  const std::string header = Header("00");
  for (size_t length = 0; length < header.size(); ++length) {
    EXPECT_FALSE(TraceIdOf(header.substr(0, length))) << length;
  }
}

TEST(Traceparent, EveryByteHasToBeWhatItsPlaceDemands) {
  const std::string good = Header("00");
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char wrong : {'A', 'F', 'g', 'G', ' ', '_', '/', ':', '`', '\n', '\0', '\xe9'}) {
      std::string header = good;
      header[at] = wrong;
      EXPECT_FALSE(TraceIdOf(header)) << at << ": " << header;
    }
    std::string header = good;
    header[at] = good[at] == '-' ? '0' : '-';
    EXPECT_FALSE(TraceIdOf(header)) << at << ": " << header;
  }
}

TEST(Traceparent, IdsThatAreAllZeroAreIgnored) {
  EXPECT_FALSE(TraceIdOf(absl::StrCat("00-", std::string(32, '0'), "-", kParent, "-01")));
  EXPECT_FALSE(TraceIdOf(absl::StrCat("00-", kTrace, "-", std::string(16, '0'), "-01")));
}

TEST(Traceparent, AnIdOfOneBitIsAnId) {
  EXPECT_TRUE(TraceIdOf(absl::StrCat("00-", std::string(31, '0'), "1-", std::string(15, '0'), "1-00")));
}

}  // namespace
}  // namespace roberta::call
