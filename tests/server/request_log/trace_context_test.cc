#include "server/request_log/trace_context.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace roberta::request_log {
namespace {

// The example of the specification.
constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& rest = "-01") {
  return absl::StrCat(version, "-", kTrace, "-", kParent, rest);
}

TEST(Traceparent, OfVersion00HasATraceAParentAndFlags) {
  const std::string header = Header("00");
  const auto parent = ParseTraceparent(header);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_id, kTrace);
  EXPECT_EQ(parent->parent_id, kParent);
  EXPECT_TRUE(parent->sampled);
}

TEST(Traceparent, OnlyTheLowestBitOfTheFlagsSaysSampled) {
  for (const char* flags : {"-00", "-02", "-fe", "-0a"}) EXPECT_FALSE(ParseTraceparent(Header("00", flags))->sampled);
  for (const char* flags : {"-01", "-03", "-ff", "-0b"}) EXPECT_TRUE(ParseTraceparent(Header("00", flags))->sampled);
}

TEST(Traceparent, OfVersion00EndsAfterTheFlags) {
  EXPECT_FALSE(ParseTraceparent(Header("00", "-01-")));
  EXPECT_FALSE(ParseTraceparent(Header("00", "-01-what-the-future-will-be-like")));
  EXPECT_FALSE(ParseTraceparent(Header("00", "-011")));
  EXPECT_FALSE(ParseTraceparent(Header("00", "-01 ")));
}

TEST(Traceparent, OfALaterVersionMayGoOnAfterADash) {
  EXPECT_TRUE(ParseTraceparent(Header("01")));
  EXPECT_TRUE(ParseTraceparent(Header("cc", "-01-what-the-future-will-be-like")));
  EXPECT_TRUE(ParseTraceparent(Header("fe", "-01-")));
  EXPECT_FALSE(ParseTraceparent(Header("cc", "-01.what-the-future-will-not-be-like")));
  EXPECT_FALSE(ParseTraceparent(Header("01", "-011")));
}

TEST(Traceparent, VersionFfIsNone) {
  EXPECT_FALSE(ParseTraceparent(Header("ff")));
}

TEST(Traceparent, OneThatIsCutOffIsIgnored) {
  const std::string header = Header("00");
  for (size_t length = 0; length < header.size(); ++length) {
    EXPECT_FALSE(ParseTraceparent(header.substr(0, length))) << length;
  }
}

TEST(Traceparent, EveryByteHasToBeWhatItsPlaceDemands) {
  const std::string good = Header("00");
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char wrong : {'A', 'F', 'g', 'G', ' ', '_', '/', ':', '`', '\n', '\0', '\xe9'}) {
      std::string header = good;
      header[at] = wrong;
      EXPECT_FALSE(ParseTraceparent(header)) << at << ": " << header;
    }
    std::string header = good;
    header[at] = good[at] == '-' ? '0' : '-';
    EXPECT_FALSE(ParseTraceparent(header)) << at << ": " << header;
  }
}

TEST(Traceparent, IdsThatAreAllZeroAreIgnored) {
  EXPECT_FALSE(ParseTraceparent(absl::StrCat("00-", std::string(32, '0'), "-", kParent, "-01")));
  EXPECT_FALSE(ParseTraceparent(absl::StrCat("00-", kTrace, "-", std::string(16, '0'), "-01")));
}

TEST(Traceparent, AnIdOfOneBitIsAnId) {
  EXPECT_TRUE(ParseTraceparent(absl::StrCat("00-", std::string(31, '0'), "1-", std::string(15, '0'), "1-00")));
}

}  // namespace
}  // namespace roberta::request_log
