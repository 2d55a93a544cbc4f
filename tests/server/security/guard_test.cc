#include "server/security/guard.h"

#include <gtest/gtest.h>

#include <thread>

namespace roberta::security {
namespace {

Entry TokenOf(const char* name, Role role, const char* token) {
  return {.caller = {.name = name, .role = role}, .token_sha256 = HashOf(token)};
}

Entry CertificateOf(const char* name, Role role, const char* identity) {
  return {.caller = {.name = name, .role = role}, .identity = identity};
}

/// A guard that knows one caller of each role; the anonymous have none.
class GuardTest : public ::testing::Test {
 protected:
  GuardTest()
      : guard_({.anonymous_role = Role::kNone,
                .failure_delay = std::chrono::milliseconds(7),
                .max_delayed_failures = 16,
                .failed = [this](Failure failure) { failures_.push_back(failure); }}) {
    guard_.Use({TokenOf("prometheus", Role::kMetadata, "m-token"), TokenOf("app", Role::kInference, "i-token"),
                TokenOf("app", Role::kInference, "next-i-token"), TokenOf("operator", Role::kAdmin, "a-token"),
                CertificateOf("app", Role::kInference, "app.example")});
  }

  Decision Bearer(const std::string& token, Role needed) {
    const std::string header = "Bearer " + token;
    return guard_.Check({.authorization = header}, needed);
  }
  Decision Certificate(std::vector<std::string_view> identities, Role needed) {
    return guard_.Check({.has_certificate = true, .identities = std::move(identities)}, needed);
  }

  std::vector<Failure> failures_;
  Guard guard_;
};

TEST_F(GuardTest, RolesIncludeThoseBelow) {
  const std::pair<const char*, Role> callers[] = {
      {"m-token", Role::kMetadata}, {"i-token", Role::kInference}, {"a-token", Role::kAdmin}};
  for (const auto& [token, role] : callers) {
    for (const Role needed : {Role::kNone, Role::kMetadata, Role::kInference, Role::kAdmin}) {
      const Decision decision = Bearer(token, needed);
      EXPECT_EQ(decision.failure, role < needed ? std::optional(Failure::kNotPermitted) : std::nullopt)
          << token << " for " << NameOf(needed);
    }
  }
}

TEST_F(GuardTest, ANameMayHaveSeveralTokensAndCertificates) {
  EXPECT_EQ(Bearer("i-token", Role::kInference).caller, Bearer("next-i-token", Role::kInference).caller);
  EXPECT_EQ(Bearer("i-token", Role::kInference).caller,
            Certificate({"other.example", "app.example"}, Role::kInference).caller);
}

TEST_F(GuardTest, EveryFailureHasItsReasonAndIsCounted) {
  EXPECT_EQ(guard_.Check({}, Role::kMetadata).failure, Failure::kMissing);
  EXPECT_EQ(Bearer("another", Role::kMetadata).failure, Failure::kUnknownToken);
  EXPECT_EQ(Certificate({"other.example"}, Role::kMetadata).failure, Failure::kUnknownCertificate);
  EXPECT_EQ(Bearer("m-token", Role::kAdmin).failure, Failure::kNotPermitted);
  EXPECT_EQ(failures_, (std::vector{Failure::kMissing, Failure::kUnknownToken, Failure::kUnknownCertificate,
                                    Failure::kNotPermitted}));
}

TEST_F(GuardTest, WhatIsNoBearerTokenIsMalformed) {
  for (const std::string& header :
       {std::string(), std::string("i-token"), std::string("Basic aTp0"), std::string("Bearer"), std::string("Bearer "),
        std::string("Bearer two words"), std::string("Bearer \x01"), "Bearer " + std::string(kLongestToken + 1, 'a')}) {
    EXPECT_EQ(guard_.Check({.authorization = header}, Role::kMetadata).failure, Failure::kMalformed) << header;
  }
  EXPECT_FALSE(guard_.Check({.authorization = "bEARER  i-token"}, Role::kMetadata).failure);
}

TEST_F(GuardTest, ABadHeaderIsRefusedWhateverElseTheCallerShows) {
  EXPECT_EQ(guard_
                .Check({.authorization = "Bearer x", .has_certificate = true, .identities = {"app.example"}},
                       Role::kInference)
                .failure,
            Failure::kUnknownToken);
}

TEST_F(GuardTest, WhatNeedsNoRoleIsForAll) {
  EXPECT_FALSE(guard_.Check({.authorization = "Bearer x"}, Role::kNone).failure);
  EXPECT_TRUE(failures_.empty());
}

TEST(Guard, WithoutCredentialsEverybodyHasTheAnonymousRole) {
  const Guard guard({.anonymous_role = Role::kInference});
  EXPECT_FALSE(guard.Check({.authorization = "Bearer of another system"}, Role::kInference).failure);
  EXPECT_FALSE(guard.Check({.has_certificate = true}, Role::kInference).failure);
  EXPECT_EQ(guard.Check({}, Role::kAdmin).failure, Failure::kMissing);
  EXPECT_EQ(guard.Check({.has_certificate = true}, Role::kAdmin).failure, Failure::kUnknownCertificate);
}

TEST(Guard, TheIndexOfANameStaysAndIsFreeAfterwards) {
  Guard guard({});
  const auto index = [&](const char* token) {
    return guard.Check({.authorization = std::string("Bearer ") + token}, Role::kMetadata).caller->index;
  };
  guard.Use({TokenOf("a", Role::kAdmin, "ta"), TokenOf("b", Role::kAdmin, "tb"), TokenOf("c", Role::kAdmin, "tc")});
  EXPECT_EQ(index("ta"), 1u);
  EXPECT_EQ(index("tb"), 2u);
  EXPECT_EQ(index("tc"), 3u);
  guard.Use({TokenOf("d", Role::kAdmin, "td"), TokenOf("c", Role::kMetadata, "tc2"), TokenOf("e", Role::kAdmin, "te")});
  EXPECT_EQ(index("tc2"), 3u);
  EXPECT_EQ(index("td"), 1u);
  EXPECT_EQ(index("te"), 2u);
  EXPECT_EQ(guard.Check({.authorization = "Bearer ta"}, Role::kMetadata).failure, Failure::kUnknownToken);
}

TEST_F(GuardTest, OnlySoManyAnswersWait) {
  std::vector<Delay> taken;
  for (const char* peer : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    for (int i = 0; i < 2; ++i) taken.push_back(guard_.TakeDelay(peer));
    EXPECT_EQ(taken.back().length.count(), 7) << peer;
  }
  EXPECT_EQ(guard_.TakeDelay("i").length.count(), 0);
  taken.pop_back();
  EXPECT_EQ(guard_.TakeDelay("i").length.count(), 7);
}

TEST_F(GuardTest, APeerCannotTakeTheDelaysOfOthers) {
  Delay first = guard_.TakeDelay("a");
  const Delay second = guard_.TakeDelay("a");
  EXPECT_EQ(second.length.count(), 7);
  EXPECT_EQ(guard_.TakeDelay("a").length.count(), 0);
  EXPECT_EQ(guard_.TakeDelay("b").length.count(), 7);
  first = {};
  EXPECT_EQ(guard_.TakeDelay("a").length.count(), 7);
}

TEST(Guard, ChecksWhileCredentialsAreReplaced) {
  Guard guard({.anonymous_role = Role::kNone});
  guard.Use({TokenOf("app", Role::kInference, "old"), TokenOf("app", Role::kInference, "both")});
  std::atomic<bool> done = false;
  std::atomic<int> refused = 0;
  std::thread caller([&] {
    while (!done) refused += guard.Check({.authorization = "Bearer both"}, Role::kInference).failure.has_value();
  });
  for (int i = 0; i < 200; ++i) {
    guard.Use({TokenOf("app", Role::kInference, i % 2 == 0 ? "new" : "old"), TokenOf("app", Role::kInference, "both")});
  }
  done = true;
  caller.join();
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace roberta::security
