#include "server/service/profile_selection.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "server/call/failure_reason.h"
#include "server/service/admission_control.h"
#include "server/service/brown_out.h"
#include "server/service/request_validation.h"

namespace roberta::service {

using admission::Candidate;
using admission::Choice;
using call::FailureReason;
using call::MakeStatus;
using metrics::SelectionReason;
using registry::LoadedProfile;
using registry::ProfileStatus;

namespace {

/// What the response says: [SelectionReason].
constexpr const char* kReasons[] = {"request",      "metadata", "default", "brown_out", "auto: most accurate in time",
                                    "auto: fastest"};

Candidate CandidateOf(const ProfileStatus& status, const registry::Registry& registry) {
  Candidate candidate;
  if (status.quality) {
    candidate.accuracy = status.quality->accuracy;
    candidate.agreement = status.quality->agreement;
  } else if (status.name == registry.baseline_name()) {
    candidate.agreement = 1;  // with itself, measured or not
  }
  return candidate;
}

std::string Shown(const std::optional<double>& measured) {
  return measured ? absl::StrCat(*measured) : "not measured";
}

absl::Status ObjectiveNotMet(const admission::Objective& objective, const std::vector<Candidate>& candidates,
                             const registry::Registry& registry) {
  if (candidates.empty()) return MakeStatus(FailureReason::kObjectiveNotMet, "objective: no profile is READY");
  std::vector<std::string> wanted;
  if (objective.min_accuracy) wanted.push_back(absl::StrCat("min_accuracy ", *objective.min_accuracy));
  if (objective.min_agreement) wanted.push_back(absl::StrCat("min_agreement ", *objective.min_agreement));
  std::vector<std::string> measured;
  for (const Candidate& candidate : candidates) {
    measured.push_back(absl::StrCat(registry.names()[candidate.profile], " has accuracy ", Shown(candidate.accuracy),
                                    ", agreement ", Shown(candidate.agreement)));
  }
  return MakeStatus(FailureReason::kObjectiveNotMet,
                    absl::StrCat("objective: no READY profile reaches ", absl::StrJoin(wanted, " and "), "; ",
                                 absl::StrJoin(measured, "; ")));
}

}  // namespace

absl::Status CheckKnown(const registry::Registry& registry, const std::string& field, const std::string& name) {
  const std::vector<std::string>& known = registry.names();
  if (std::ranges::find(known, name) != known.end()) return absl::OkStatus();
  return MakeStatus(
      FailureReason::kUnknownProfile,
      absl::StrCat(field, ": ", Quote(name), " is unknown; the profiles are ", absl::StrJoin(known, ", ")));
}

absl::StatusOr<LoadedProfile> FindProfile(const registry::Registry& registry, const std::string& field,
                                          const std::string& name) {
  RETURN_IF_ERROR(CheckKnown(registry, field, name));
  auto profile = registry.Get(name);
  if (!profile.ok()) return MakeStatus(FailureReason::kProfileNotReady, std::string(profile.status().message()));
  return profile;
}

absl::Status ProfileSelection::Select(ClassifyCall& call, batching::Clock::time_point now) const {
  const bool in_request = !call.request.profile().empty();
  const std::string& name = in_request ? call.request.profile() : call.metadata_profile;
  const std::string field = in_request ? "profile" : "metadata x-profile";
  if (call.request.has_objective() && name != kAutoProfile) {
    absl::Status status = MakeStatus(FailureReason::kBadField, "objective: it goes with profile \"auto\" only");
    call.outcome.problems.push_back({"objective", status});
    return status;
  }
  if (!name.empty()) call.selection = in_request ? SelectionReason::kRequest : SelectionReason::kMetadata;
  absl::StatusOr<LoadedProfile> profile = name.empty()           ? SelectDefault(call)
                                          : name == kAutoProfile ? SelectByObjective(call, now)
                                                                 : FindProfile(*parts_.registry, field, name);
  if (!profile.ok()) {
    if (absl::IsInvalidArgument(profile.status())) call.outcome.problems.push_back({field, profile.status()});
    return profile.status();
  }
  call.profile = *std::move(profile);
  v1::ClassifyResponse& response = call.outcome.response;
  if (!name.empty()) response.set_profile_requested(name);
  response.set_profile_used(call.profile.name);
  response.set_profile_reason(kReasons[static_cast<size_t>(call.selection)]);
  response.set_profile_revision(call.profile.revision);
  return absl::OkStatus();
}

absl::StatusOr<LoadedProfile> ProfileSelection::SelectDefault(ClassifyCall& call) const {
  std::optional<BrownOutLadder::Step> step;
  // Brown-out is for a while, but a stream would keep the cheaper profile to its end; and it waits anyway.
  if (parts_.brown_out != nullptr && !call.is_part) step = parts_.brown_out->Arrive();
  if (step) {
    call.selection = SelectionReason::kBrownOut;
    call.outcome.response.set_brown_out_level(static_cast<uint32_t>(step->level));
    return std::move(step->profile);
  }
  absl::StatusOr<LoadedProfile> profile = parts_.registry->GetDefault();
  if (!profile.ok()) return MakeStatus(FailureReason::kProfileNotReady, std::string(profile.status().message()));
  return profile;
}

absl::StatusOr<LoadedProfile> ProfileSelection::SelectByObjective(ClassifyCall& call,
                                                                  batching::Clock::time_point now) const {
  const registry::Registry& registry = *parts_.registry;
  const AdmissionControl& admission = *parts_.admission;
  const std::vector<ProfileStatus> statuses = registry.List();
  admission::PendingCall work = admission.Estimate(call.request, 0, call.settings.priority);
  work.caller = call.job.caller;
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].state != registry::ProfileState::kReady) continue;
    candidates.push_back(CandidateOf(statuses[i], registry));
    candidates.back().profile = work.profile = i;
    candidates.back().prediction = admission.Predict(work, now);
  }
  admission::Objective objective = call.settings.objective;
  const std::chrono::nanoseconds time_left = admission.TimeLeft(call, call.job.deadline, now);
  if (admission.predictive()) objective.deadline = time_left;
  const Choice choice = admission::ChooseByObjective(candidates, objective);
  if (choice.reason == Choice::Reason::kNotAccurateEnough) return ObjectiveNotMet(objective, candidates, registry);
  if (choice.reason == Choice::Reason::kTooLate) {
    work.profile = choice.profile;
    admission.Offer(work, now);
    return admission.TooLate(call, choice.prediction, time_left, now);
  }
  const bool fastest = choice.reason == Choice::Reason::kFastest;
  call.selection = fastest ? SelectionReason::kAutoFastest : SelectionReason::kAutoMostAccurate;
  return FindProfile(registry, "profile", registry.names()[choice.profile]);
}

}  // namespace roberta::service
