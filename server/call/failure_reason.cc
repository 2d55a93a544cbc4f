#include "server/call/failure_reason.h"

#include <algorithm>

#include "absl/strings/cord.h"

namespace roberta::call {

using absl::StatusCode;

namespace {

constexpr char kReasonPayload[] = "roberta/failure_reason";      // one byte: the row of kFailureReasons, from 0
constexpr char kRetryDelayPayload[] = "roberta/retry_delay_ms";  // the number, in decimal
constexpr std::chrono::milliseconds kShortestRetryDelay(1);
constexpr std::chrono::milliseconds kLongestRetryDelay(std::chrono::minutes(5));

}  // namespace

const std::array<FailureReasonRow, 31> kFailureReasons = {{
    {FailureReason::kMalformedMessage, "malformed_message", StatusCode::kInvalidArgument},
    {FailureReason::kNoItems, "no_items", StatusCode::kInvalidArgument},
    {FailureReason::kTooManyItems, "too_many_items", StatusCode::kInvalidArgument},
    {FailureReason::kBadField, "bad_field", StatusCode::kInvalidArgument},
    {FailureReason::kBlankText, "blank_text", StatusCode::kInvalidArgument},
    {FailureReason::kBadUtf8, "bad_utf8", StatusCode::kInvalidArgument},
    {FailureReason::kTooManyCharacters, "too_many_characters", StatusCode::kInvalidArgument},
    {FailureReason::kTooManyTokens, "too_many_tokens", StatusCode::kInvalidArgument},
    {FailureReason::kUnknownProfile, "unknown_profile", StatusCode::kInvalidArgument},
    {FailureReason::kUnknownModel, "unknown_model", StatusCode::kNotFound},
    {FailureReason::kNotOffered, "not_offered", StatusCode::kUnimplemented},
    {FailureReason::kProfileNotReady, "profile_not_ready", StatusCode::kFailedPrecondition},
    {FailureReason::kObjectiveNotMet, "objective_not_met", StatusCode::kFailedPrecondition},
    {FailureReason::kProfileInUse, "profile_in_use", StatusCode::kFailedPrecondition},
    {FailureReason::kTooManyLoads, "too_many_loads", StatusCode::kResourceExhausted},
    {FailureReason::kTooManyCalls, "too_many_calls", StatusCode::kResourceExhausted},
    {FailureReason::kQueueFull, "queue_full", StatusCode::kResourceExhausted},
    {FailureReason::kPredictedTooLate, "predicted_too_late", StatusCode::kResourceExhausted},
    {FailureReason::kCallerRate, "caller_rate", StatusCode::kResourceExhausted},
    {FailureReason::kCallerShare, "caller_share", StatusCode::kResourceExhausted},
    {FailureReason::kMemoryShort, "memory_short", StatusCode::kResourceExhausted},
    {FailureReason::kDeadlinePassed, "deadline_passed", StatusCode::kDeadlineExceeded},
    {FailureReason::kClientDoesNotRead, "client_does_not_read", StatusCode::kDeadlineExceeded},
    {FailureReason::kRequestTimeout, "request_timeout", StatusCode::kDeadlineExceeded},
    {FailureReason::kCancelled, "cancelled", StatusCode::kCancelled},
    {FailureReason::kLoading, "loading", StatusCode::kUnavailable},
    {FailureReason::kDraining, "draining", StatusCode::kUnavailable},
    {FailureReason::kBackendFailure, "backend_failure", StatusCode::kInternal},
    {FailureReason::kNoCredentials, "no_credentials", StatusCode::kUnauthenticated},
    {FailureReason::kBadCredentials, "bad_credentials", StatusCode::kUnauthenticated},
    {FailureReason::kNotPermitted, "not_permitted", StatusCode::kPermissionDenied},
}};

absl::StatusCode CodeOf(FailureReason reason) {
  return kFailureReasons[static_cast<size_t>(reason)].code;
}

absl::Status MakeStatus(FailureReason reason, const std::string& message) {
  absl::Status status(CodeOf(reason), message);
  status.SetPayload(kReasonPayload, absl::Cord(std::string(1, static_cast<char>(reason))));
  return status;
}

absl::Status WithMessage(const absl::Status& status, const std::string& message) {
  absl::Status other(status.code(), message);
  if (auto payload = status.GetPayload(kReasonPayload)) other.SetPayload(kReasonPayload, *std::move(payload));
  return other;
}

const char* ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonPayload);
  return payload ? kFailureReasons[static_cast<size_t>((*payload)[0])].name : "";
}

std::vector<std::string> FailureReasonNames() {
  std::vector<std::string> names;
  for (const FailureReasonRow& row : kFailureReasons) names.emplace_back(row.name);
  return names;
}

absl::Status WithRetryDelay(absl::Status status, std::chrono::nanoseconds delay) {
  const auto rounded =
      std::clamp(std::chrono::ceil<std::chrono::milliseconds>(delay), kShortestRetryDelay, kLongestRetryDelay);
  status.SetPayload(kRetryDelayPayload, absl::Cord(std::to_string(rounded.count())));
  return status;
}

std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryDelayPayload);
  if (!payload) return std::nullopt;
  return std::chrono::milliseconds(std::stoll(std::string(*payload)));
}

}  // namespace roberta::call
