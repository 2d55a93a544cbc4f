#include "server/service/auto_profile.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/service/named_profile.h"
#include "server/service/situations.h"

namespace roberta::service {

namespace {

using admission::Candidate;
using admission::Choice;
using registry::ProfileStatus;

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

absl::Status NotMet(const admission::Objective& objective, const std::vector<Candidate>& candidates,
                    const registry::Registry& registry) {
  std::vector<std::string> wanted;
  if (objective.min_accuracy) wanted.push_back(absl::StrCat("min_accuracy ", *objective.min_accuracy));
  if (objective.min_agreement) wanted.push_back(absl::StrCat("min_agreement ", *objective.min_agreement));
  std::vector<std::string> measured;
  for (const Candidate& candidate : candidates) {
    measured.push_back(absl::StrCat(registry.names()[candidate.profile], " has accuracy ", Shown(candidate.accuracy),
                                    ", agreement ", Shown(candidate.agreement)));
  }
  return MakeStatus(Situation::kObjectiveNotMet,
                    candidates.empty()
                        ? "objective: no profile is READY"
                        : absl::StrCat("objective: no READY profile reaches ", absl::StrJoin(wanted, " and "), "; ",
                                       absl::StrJoin(measured, "; ")));
}

}  // namespace

absl::StatusOr<AutoProfile> ChooseAutoProfile(const registry::Registry& registry, const AdmissionControl& admission,
                                              const internal::RawClassifyRequest& request, const CallSettings& settings,
                                              batching::Clock::time_point deadline, batching::Clock::time_point now) {
  const std::vector<ProfileStatus> statuses = registry.List();
  admission::Newcomer work = admission.Estimate(request, 0, settings.priority);
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].state != registry::ProfileState::kReady) continue;
    candidates.push_back(CandidateOf(statuses[i], registry));
    candidates.back().profile = work.profile = i;
    candidates.back().prediction = admission.Predict(work, now);
  }
  admission::Objective objective = settings.objective;
  const std::chrono::nanoseconds time_left = AdmissionControl::TimeLeft(deadline, now);
  if (admission.predictive()) objective.deadline = time_left;
  const Choice choice = admission::ChooseProfile(candidates, objective);
  switch (choice.reason) {
    case Choice::Reason::kNotAccurateEnough:
      return NotMet(objective, candidates, registry);
    case Choice::Reason::kTooLate:
      work.profile = choice.profile;
      admission.Offer(work, now);
      return AdmissionControl::TooLate(choice.prediction, time_left);
    case Choice::Reason::kMostAccurateInTime:
    case Choice::Reason::kFastest:
      break;
  }
  auto profile = FindProfile(registry, "profile", registry.names()[choice.profile]);
  if (!profile.ok()) return profile.status();
  return AutoProfile{*std::move(profile), choice.reason};
}

}  // namespace roberta::service
