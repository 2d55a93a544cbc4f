#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace roberta::call {

/// Every reason why a call, or one of its items, fails.
enum class FailureReason {
  kMalformedMessage,
  kNoItems,
  kTooManyItems,
  kBadField,
  kBlankText,
  kBadUtf8,
  kTooManyCharacters,
  kTooManyTokens,
  kUnknownProfile,
  kUnknownModel,
  kNotOffered,
  kProfileNotReady,
  kObjectiveNotMet,
  kProfileInUse,
  kTooManyLoads,
  kTooManyCalls,
  kQueueFull,
  kPredictedTooLate,
  kCallerRate,
  kCallerShare,
  kMemoryShort,
  kDeadlinePassed,
  kClientDoesNotRead,
  kRequestTimeout,
  kCancelled,
  kLoading,
  kDraining,
  kBackendFailure,
  kNoCredentials,
  kBadCredentials,
  kNotPermitted,
};

struct FailureReasonRow {
  FailureReason reason;
  const char* name;
  absl::StatusCode code;  ///< numbered as gRPC's
};

/// The one table from a failure reason to its status code. The names are those of the golden file, of the label
/// `reason` of the metrics and of the request log.
extern const std::array<FailureReasonRow, 31> kFailureReasons;

absl::StatusCode CodeOf(FailureReason reason);

/// A status with the code of the reason, which remembers the reason for ReasonOf.
absl::Status MakeStatus(FailureReason reason, const std::string& message);

/// A status with another message and the same code and reason.
absl::Status WithMessage(const absl::Status& status, const std::string& message);

/// The name of the reason that `status` was made with; empty if `status` is ok or was not made by MakeStatus.
const char* ReasonOf(const absl::Status& status);

/// All names, in the order of the table.
std::vector<std::string> FailureReasonNames();

/// `status` with the advice to try again after `delay`, rounded up to whole milliseconds and at least one. Clients get
/// it as a google.rpc.RetryInfo detail and as gRPC's retry pushback.
absl::Status WithRetryDelay(absl::Status status, std::chrono::nanoseconds delay);

/// The retry delay of `status`, if it has one.
std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status);

}  // namespace roberta::call
