#include "server/service/situations.h"

#include "absl/strings/string_view.h"

namespace roberta::service {

using absl::StatusCode;

const std::array<SituationRow, 18> kSituations = {{
    {Situation::kMalformedMessage, "malformed_message", StatusCode::kInvalidArgument},
    {Situation::kNoItems, "no_items", StatusCode::kInvalidArgument},
    {Situation::kTooManyItems, "too_many_items", StatusCode::kInvalidArgument},
    {Situation::kBadField, "bad_field", StatusCode::kInvalidArgument},
    {Situation::kBlankText, "blank_text", StatusCode::kInvalidArgument},
    {Situation::kBadUtf8, "bad_utf8", StatusCode::kInvalidArgument},
    {Situation::kTooManyCharacters, "too_many_characters", StatusCode::kInvalidArgument},
    {Situation::kTooManyTokens, "too_many_tokens", StatusCode::kInvalidArgument},
    {Situation::kUnknownProfile, "unknown_profile", StatusCode::kInvalidArgument},
    {Situation::kProfileNotReady, "profile_not_ready", StatusCode::kFailedPrecondition},
    {Situation::kProfileInUse, "profile_in_use", StatusCode::kFailedPrecondition},
    {Situation::kTooManyLoads, "too_many_loads", StatusCode::kResourceExhausted},
    {Situation::kTooManyCalls, "too_many_calls", StatusCode::kResourceExhausted},
    {Situation::kDeadlinePassed, "deadline_passed", StatusCode::kDeadlineExceeded},
    {Situation::kCancelled, "cancelled", StatusCode::kCancelled},
    {Situation::kLoading, "loading", StatusCode::kUnavailable},
    {Situation::kDraining, "draining", StatusCode::kUnavailable},
    {Situation::kBackendFailure, "backend_failure", StatusCode::kInternal},
}};

absl::StatusCode CodeOf(Situation situation) {
  return kSituations[static_cast<size_t>(situation)].code;
}

absl::Status MakeStatus(Situation situation, const std::string& message) {
  return absl::Status(CodeOf(situation), message);
}

}  // namespace roberta::service
