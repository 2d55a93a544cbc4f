#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "server/admission/wait_predictor.h"

namespace roberta::admission {

/// A profile that is READY, and how good and fast it would be for a call.
struct Candidate {
  size_t profile = 0;               ///< returned in Choice::profile
  std::optional<double> accuracy;   ///< on the model's sample, 0 to 1; absent where it is not measured
  std::optional<double> agreement;  ///< with the baseline on the sample, 0 to 1; likewise
  Prediction prediction;            ///< of the call on this profile
};

/// The requirements of a call whose profile the server chooses. A candidate whose figure is not measured does not meet
/// a minimum.
struct Objective {
  std::optional<double> min_accuracy;
  std::optional<double> min_agreement;
  std::optional<std::chrono::nanoseconds> max_latency;  ///< preferred
  std::optional<std::chrono::nanoseconds> deadline;     ///< from now; required
};

struct Choice {
  enum class Reason {
    kMostAccurateInTime,  ///< the best of those that are good enough and end within both times
    kFastest,             ///< none ends within max_latency; this is the fastest, and within the deadline
    kTooLate,             ///< all that are good enough end too late; `profile` is the fastest of them
    kNotAccurateEnough,   ///< no candidate is good enough
  };
  Reason reason = Reason::kNotAccurateEnough;
  size_t profile = 0;     ///< 0 if kNotAccurateEnough
  Prediction prediction;  ///< of the chosen profile
};

/// Chooses a profile by an objective. A profile is more accurate by a higher accuracy, then a higher agreement, then an
/// earlier end; a figure that is not measured counts as the lowest. A candidate of unknown cost counts as in time, and
/// as the fastest. A pure function.
Choice ChooseByObjective(const std::vector<Candidate>& candidates, const Objective& objective);

}  // namespace roberta::admission
