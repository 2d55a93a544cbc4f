#include "server/call/authorization.h"

#include <gtest/gtest.h>

#include "server/call/failure_reason.h"

namespace roberta::call {
namespace {

using security::Role;

class AuthorizeTest : public ::testing::Test {
 protected:
  AuthorizeTest() : guard_({.anonymous_role = Role::kNone}) {
    guard_.Use({{.caller = {.name = "app", .role = Role::kInference}, .token_sha256 = security::HashOf("token")}});
  }
  absl::Status Call(std::optional<std::string_view> authorization, bool has_certificate, Role needed) {
    return Authorize(guard_, {.authorization = authorization, .has_certificate = has_certificate}, needed, &head_);
  }

  security::Guard guard_;
  Head head_;
};

TEST_F(AuthorizeTest, TheHeadSaysWhoCalls) {
  EXPECT_TRUE(Call("Bearer token", false, Role::kInference).ok());
  EXPECT_EQ(head_.caller->name, "app");
  EXPECT_TRUE(Call(std::nullopt, false, Role::kNone).ok());
  EXPECT_EQ(head_.caller->name, "anonymous");
}

TEST_F(AuthorizeTest, EveryFailureHasAReasonAndSaysWhatIsNeeded) {
  const struct {
    std::optional<std::string_view> authorization;
    bool has_certificate;
    Role needed;
    const char* reason;
    const char* message;
  } cases[] = {
      {std::nullopt, false, Role::kMetadata, "no_credentials",
       "no credentials came with the call; it needs the role metadata or a higher one"},
      {"Bearer other", false, Role::kInference, "bad_credentials",
       "the token that came with the call is not known; it needs the role inference or a higher one"},
      {"token", false, Role::kInference, "bad_credentials",
       "authorization is not one \"Bearer TOKEN\"; it needs the role inference or a higher one"},
      {std::nullopt, true, Role::kInference, "bad_credentials",
       "no name of the caller's certificate is known; it needs the role inference or a higher one"},
      {"Bearer token", false, Role::kAdmin, "not_permitted",
       "the caller's role is not enough; it needs the role admin"},
  };
  for (const auto& expected : cases) {
    const absl::Status status = Call(expected.authorization, expected.has_certificate, expected.needed);
    EXPECT_STREQ(ReasonOf(status), expected.reason);
    EXPECT_EQ(status.message(), expected.message);
  }
}

TEST_F(AuthorizeTest, ARefusedCallerIsKnownIfItsCredentialsAre) {
  EXPECT_FALSE(Call("Bearer token", false, Role::kAdmin).ok());
  EXPECT_EQ(head_.caller->name, "app");
  EXPECT_FALSE(Call("Bearer other", false, Role::kAdmin).ok());
  EXPECT_EQ(head_.caller->name, "anonymous");
}

}  // namespace
}  // namespace roberta::call
