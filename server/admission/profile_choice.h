#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "server/admission/wait_predictor.h"

namespace roberta::admission {

/// A profile that is READY, and what a call would have of it.
struct Candidate {
  size_t profile = 0;               ///< returned if it is chosen
  std::optional<double> accuracy;   ///< on the model's sample, 0 to 1; absent where it is not measured
  std::optional<double> agreement;  ///< with the baseline on the sample, 0 to 1; likewise
  Prediction prediction;            ///< of this call on this profile
};

/// What a call wants of a profile that it leaves to the server to choose. A candidate whose figure is not measured
/// does not meet a minimum.
struct Objective {
  std::optional<double> min_accuracy;
  std::optional<double> min_agreement;
  std::optional<std::chrono::nanoseconds> max_latency;  ///< wanted
  std::optional<std::chrono::nanoseconds> deadline;     ///< from now; needed
};

struct Choice {
  enum class Reason {
    kMostAccurateInTime,  ///< of those good enough whose latest end is within both times
    kFastest,             ///< none of them is within the latency; this is the fastest, and within the deadline
    kTooLate,             ///< those good enough end too late; `profile` would be the fastest of them
    kNotAccurateEnough,   ///< none is good enough
  };
  Reason reason = Reason::kNotAccurateEnough;
  size_t profile = 0;     ///< 0 if kNotAccurateEnough
  Prediction prediction;  ///< its own
};

/// Chooses a profile. More accurate is a higher accuracy, then a higher agreement, then an earlier end; a figure that
/// is not measured counts as the lowest. A candidate of unknown cost ends in time, and no other is faster. A pure
/// function.
Choice ChooseProfile(const std::vector<Candidate>& candidates, const Objective& objective);

}  // namespace roberta::admission
