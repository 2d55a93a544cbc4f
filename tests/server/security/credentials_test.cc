#include "server/security/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace roberta::security {
namespace {

using ::testing::HasSubstr;

/// The SHA-256 of "abc", of FIPS 180-2's first example.
constexpr char kSha256OfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOtherSha256[] = "0000000000000000000000000000000000000000000000000000000000000001";

TEST(ParseCredentials, TokensCertificatesAndLimitsAreRead) {
  const auto credentials = ParseCredentials(
      absl::StrCat("\xEF\xBB\xBF# who may call\n\napp inference ", kSha256OfAbc, " share=0.25 items_per_second=1e3\r\n",
                   "  op-1\tadmin certificate:spiffe://example/op"),
      "callers");
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  ASSERT_EQ(credentials->size(), 2u);
  EXPECT_EQ((*credentials)[0].caller.name, "app");
  EXPECT_EQ((*credentials)[0].caller.role, Role::kInference);
  EXPECT_EQ((*credentials)[0].caller.share, 0.25);
  EXPECT_EQ((*credentials)[0].caller.items_per_second, 1000);
  EXPECT_EQ((*credentials)[0].token_sha256, HashOf("abc"));
  EXPECT_EQ((*credentials)[0].identity, "");
  EXPECT_EQ((*credentials)[1].caller.role, Role::kAdmin);
  EXPECT_EQ((*credentials)[1].identity, "spiffe://example/op");
  EXPECT_EQ((*credentials)[1].caller.share, std::nullopt);
}

TEST(ParseCredentials, WhatIsWrongIsNamedWithItsLine) {
  const std::string ok = absl::StrCat("app inference ", kSha256OfAbc);
  const std::pair<std::string, const char*> wrong[] = {
      {"app inference", "f:1: there must be a name, a role"},
      {absl::StrCat("a/b inference ", kSha256OfAbc), "f:1: the first word is no name; it must be 1 to 64"},
      {absl::StrCat("anonymous admin ", kSha256OfAbc), "f:1: the first word is no name"},
      {absl::StrCat(std::string(65, 'n'), " admin ", kSha256OfAbc), "f:1: the first word is no name"},
      {absl::StrCat("app root ", kSha256OfAbc), "f:1: the second word is no role; it must be metadata,"},
      {absl::StrCat("app none ", kSha256OfAbc), "f:1: the second word is no role"},
      {"\napp admin abc", "f:2: the third word is neither"},
      {"app admin certificate:", "f:1: certificate: names \"\""},
      {"app admin certificate:\x80", "f:1: certificate: names \"\\x80\""},
      {ok + " share=0", "f:1: share is \"0\"; it must be above 0 and at most 1"},
      {ok + " share=1.5", "f:1: share is \"1.5\""},
      {ok + " share=nan", "f:1: share is \"nan\""},
      {ok + " share=0.5 share=0.5", "f:1: share is given twice"},
      {ok + " items_per_second=", "f:1: items_per_second is \"\""},
      {ok + " items_per_second=0.0009", "\"0.0009\"; it must be at least 0.001 and at most 1e+09"},
      {ok + " # mine", "f:1: word 4 is no limit; it must be items_per_second=NUMBER or share=NUMBER"},
      {ok + " share=1 burst=3", "f:1: word 5 is no limit"},
      {absl::StrCat(ok, "\nother admin ", kSha256OfAbc), "f:2: an earlier line has the same token"},
      {absl::StrCat(ok, "\napp admin ", kOtherSha256), "f:2: an earlier line gives the same name another role"},
      {absl::StrCat(ok, "\napp inference ", kOtherSha256, " share=1"), "f:2: an earlier line gives the same name"},
      {"a admin certificate:x\nb admin certificate:x", "f:2: an earlier line has the same token or certificate"},
      {std::string(kMostCredentialsBytes + 1, '\n'), "f: has 1048577 bytes"},
  };
  for (const auto& [text, what] : wrong) {
    const auto credentials = ParseCredentials(text, "f");
    EXPECT_TRUE(absl::IsInvalidArgument(credentials.status())) << text.substr(0, 100);
    EXPECT_THAT(credentials.status().message(), HasSubstr(what));
  }
}

TEST(ParseCredentials, WhatMayBeATokenIsNotRepeatedWhereverItStands) {
  const std::string hash = kSha256OfAbc;
  for (const std::string& secret : {std::string("rt_secret/+=="), hash + "0"}) {
    for (const std::string& line : {secret + " admin " + hash, "app " + secret + " " + hash, "app admin " + secret,
                                    "app admin " + hash + " " + secret, "app " + secret, secret + " app admin"}) {
      const auto credentials = ParseCredentials(line, "f");
      EXPECT_FALSE(credentials.ok()) << line;
      EXPECT_EQ(credentials.status().message().find(secret), std::string::npos) << line;
    }
  }
}

TEST(ParseCredentials, TheLowestRateIsAThousandthOfAnItem) {
  const auto credentials = ParseCredentials(absl::StrCat("a admin ", kSha256OfAbc, " items_per_second=0.001"), "f");
  EXPECT_TRUE(credentials.ok()) << credentials.status();
}

TEST(ParseCredentials, TheNumberOfNamesIsBounded) {
  std::string text;
  for (size_t i = 0; i < kMostCallers; ++i) absl::StrAppend(&text, "n", i, " metadata certificate:", i, "\n");
  EXPECT_TRUE(ParseCredentials(text, "f").ok());
  absl::StrAppend(&text, "one-more metadata certificate:x\n");
  EXPECT_THAT(ParseCredentials(text, "f").status().message(), HasSubstr("f:1025: there may be at most 1024 names"));
}

}  // namespace
}  // namespace roberta::security
