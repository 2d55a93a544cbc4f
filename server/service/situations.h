#pragma once

#include <array>
#include <string>

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
  kProfileInUse,
  kTooManyLoads,
  kTooManyCalls,
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
extern const std::array<SituationRow, 18> kSituations;

absl::StatusCode CodeOf(Situation situation);

/// A status with the situation's code.
absl::Status MakeStatus(Situation situation, const std::string& message);

}  // namespace roberta::service
