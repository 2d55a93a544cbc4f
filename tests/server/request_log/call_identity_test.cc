#include "server/request_log/call_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::request_log {
namespace {

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(CallIdentity, IsWhatTheClientSays) {
  const CallIdentity identity = MakeIdentity("mine-1", kTraceparent);
  EXPECT_EQ(identity.request_id, "mine-1");
  EXPECT_EQ(identity.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST(CallIdentity, HasAFreshRequestIdWhereTheClientHasNoneOrAnImpossibleOne) {
  for (const std::optional<std::string_view> id : {std::optional<std::string_view>(), {""}, {"two words"}, {"a\nb"}}) {
    EXPECT_THAT(MakeIdentity(id, kTraceparent).request_id, testing::MatchesRegex("[0-9a-f]{32}"));
  }
}

TEST(CallIdentity, BelongsToNoTraceWhereTheHeaderIsMissingOrWrong) {
  EXPECT_EQ(MakeIdentity("mine-1", std::nullopt).trace_id, "");
  EXPECT_EQ(MakeIdentity("mine-1", "00-nonsense").trace_id, "");
}

}  // namespace
}  // namespace roberta::request_log
