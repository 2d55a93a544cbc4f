#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/registry/registry.h"
#include "server/admission/profile_choice.h"
#include "server/service/parts.h"
#include "server/service/unary_call.h"

namespace roberta::service {

/// The profile name by which a request lets the server choose.
inline constexpr char kAutoProfile[] = "auto";

/// OK if there is a profile of that name, READY or not. Failure reason: kUnknownProfile with the list, whatever bytes
/// the name has. `field` is the field of the request that gave the name.
absl::Status CheckKnown(const registry::Registry& registry, const std::string& field, const std::string& name);

/// The READY profile of that name. Failure reasons: kUnknownProfile; kProfileNotReady with the cause.
absl::StatusOr<registry::LoadedProfile> FindProfile(const registry::Registry& registry, const std::string& field,
                                                    const std::string& name);

/// Selects the profile of a call: the one that the request names, else the one that the metadata x-profile names, else
/// the default profile or, under pressure, a cheaper one (see BrownOutLadder). For `auto` it selects by the objective
/// of the request (see admission::ChooseByObjective). Any thread may call.
class ProfileSelection {
 public:
  explicit ProfileSelection(const Parts& parts) : parts_(parts) {}

  /// Selects the profile of a call that arrives at `now` and whose settings and deadline are known, and writes it into
  /// the call and its response. Failure reasons: kBadField, kUnknownProfile, kProfileNotReady, kObjectiveNotMet,
  /// kPredictedTooLate.
  absl::Status Select(ClassifyCall& call, batching::Clock::time_point now) const;

 private:
  absl::StatusOr<registry::LoadedProfile> SelectDefault(ClassifyCall& call) const;
  absl::StatusOr<registry::LoadedProfile> SelectByObjective(ClassifyCall& call, batching::Clock::time_point now) const;

  const Parts parts_;
};

}  // namespace roberta::service
