#include "server/service/situations.h"

#include "absl/strings/cord.h"

namespace roberta::service {

using absl::StatusCode;

namespace {

constexpr char kPayload[] = "roberta/situation";  // its bytes: a row of kSituations, from 0

}  // namespace

const std::array<SituationRow, 21> kSituations = {{
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
    {Situation::kObjectiveNotMet, "objective_not_met", StatusCode::kFailedPrecondition},
    {Situation::kProfileInUse, "profile_in_use", StatusCode::kFailedPrecondition},
    {Situation::kTooManyLoads, "too_many_loads", StatusCode::kResourceExhausted},
    {Situation::kTooManyCalls, "too_many_calls", StatusCode::kResourceExhausted},
    {Situation::kQueueFull, "queue_full", StatusCode::kResourceExhausted},
    {Situation::kPredictedTooLate, "predicted_too_late", StatusCode::kResourceExhausted},
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
  absl::Status status(CodeOf(situation), message);
  status.SetPayload(kPayload, absl::Cord(std::string(1, static_cast<char>(situation))));
  return status;
}

absl::Status WithMessage(const absl::Status& status, const std::string& message) {
  absl::Status other(status.code(), message);
  if (auto payload = status.GetPayload(kPayload)) other.SetPayload(kPayload, *std::move(payload));
  return other;
}

const char* ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  return payload ? kSituations[static_cast<size_t>((*payload)[0])].name : "";
}

std::vector<std::string> SituationNames() {
  std::vector<std::string> names;
  for (const SituationRow& row : kSituations) names.emplace_back(row.name);
  return names;
}

}  // namespace roberta::service
