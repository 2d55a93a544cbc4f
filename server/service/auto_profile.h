#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "profiles/registry/registry.h"
#include "roberta/internal/requests.pb.h"
#include "server/admission/profile_choice.h"
#include "server/service/admission_control.h"
#include "server/service/request_validation.h"

namespace roberta::service {

/// The name that a request gives to leave the profile to the server.
inline constexpr char kAutoProfile[] = "auto";

struct AutoProfile {
  registry::LoadedProfile profile;
  admission::Choice::Reason reason = admission::Choice::Reason::kMostAccurateInTime;  ///< or kFastest
};

/// Chooses the profile of a call that arrives at `now` by the objective in its settings (see admission::ChooseProfile).
/// Situations: kObjectiveNotMet, kPredictedTooLate; kProfileNotReady if the choice was unloaded meanwhile.
absl::StatusOr<AutoProfile> ChooseAutoProfile(const registry::Registry& registry, const AdmissionControl& admission,
                                              const internal::RawClassifyRequest& request, const CallSettings& settings,
                                              batching::Clock::time_point deadline, batching::Clock::time_point now);

}  // namespace roberta::service
