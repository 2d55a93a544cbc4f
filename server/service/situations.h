#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace roberta::service {

/// Everything that can keep a call, or an item of it, from its answer.
enum class Situation {
  kMalformedMessage,
  kNoItems,
  kTooManyItems,
  kBadField,
  kBlankText,
  kBadUtf8,
  kTooManyCharacters,
  kTooManyTokens,
  kUnknownProfile,
  kProfileNotReady,
  kObjectiveNotMet,
  kProfileInUse,
  kTooManyLoads,
  kTooManyCalls,
  kQueueFull,
  kPredictedTooLate,
  kDeadlinePassed,
  kCancelled,
  kLoading,
  kDraining,
  kBackendFailure,
};

struct SituationRow {
  Situation situation;
  const char* name;
  absl::StatusCode code;  ///< numbered as gRPC's
};

/// The one table from a situation to its status code; SituationRow::name is its name in the golden file.
extern const std::array<SituationRow, 21> kSituations;

absl::StatusCode CodeOf(Situation situation);

/// A status with the situation's code, which remembers the situation for ReasonOf.
absl::Status MakeStatus(Situation situation, const std::string& message);

/// The same code and situation with another message.
absl::Status WithMessage(const absl::Status& status, const std::string& message);

/// The name of the situation that `status` was made for; empty if it is ok or was not made by MakeStatus.
const char* ReasonOf(const absl::Status& status);

/// All names, in the order of the table.
std::vector<std::string> SituationNames();

}  // namespace roberta::service
