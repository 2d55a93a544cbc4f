#include "server/call/authorization.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"

namespace roberta::call {

namespace {

struct Refusal {
  FailureReason reason;
  const char* message;
};

/// [security::Failure]
constexpr std::array<Refusal, security::kFailureNames.size()> kRefusals = {{
    {FailureReason::kNoCredentials, "no credentials came with the call"},
    {FailureReason::kBadCredentials, "the token that came with the call is not known"},
    {FailureReason::kBadCredentials, "authorization is not one \"Bearer TOKEN\""},
    {FailureReason::kBadCredentials, "no name of the caller's certificate is known"},
    {FailureReason::kNotPermitted, "the caller's role is not enough"},
}};

}  // namespace

absl::Status Authorize(const security::Guard& guard, const security::Presented& presented, security::Role needed,
                       Head* head) {
  security::Decision decision = guard.Check(presented, needed);
  head->caller = std::move(decision.caller);
  if (!decision.failure) return absl::OkStatus();
  const Refusal& refusal = kRefusals[static_cast<size_t>(*decision.failure)];
  return MakeStatus(refusal.reason, absl::StrCat(refusal.message, "; it needs the role ", security::NameOf(needed),
                                                 needed == security::Role::kAdmin ? "" : " or a higher one"));
}

}  // namespace roberta::call
