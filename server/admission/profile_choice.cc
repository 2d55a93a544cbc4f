#include "server/admission/profile_choice.h"

#include <tuple>

namespace roberta::admission {
namespace {

bool Meets(const std::optional<double>& measured, const std::optional<double>& minimum) {
  return !minimum || (measured && *measured >= *minimum);
}

bool IsWithin(const Prediction& prediction, const std::optional<std::chrono::nanoseconds>& limit) {
  return !limit || !prediction.known || prediction.latest() <= *limit;
}

bool IsMoreAccurate(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& candidate) {
    return std::tuple(candidate.accuracy.value_or(-1), candidate.agreement.value_or(-1),
                      -candidate.prediction.latest().count());
  };
  return rank(a) > rank(b);
}

}  // namespace

Choice ChooseByObjective(const std::vector<Candidate>& candidates, const Objective& objective) {
  const Candidate* best_in_time = nullptr;
  const Candidate* fastest = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!Meets(candidate.accuracy, objective.min_accuracy)) continue;
    if (!Meets(candidate.agreement, objective.min_agreement)) continue;
    const Prediction& prediction = candidate.prediction;
    if (fastest == nullptr || prediction.latest() < fastest->prediction.latest()) fastest = &candidate;
    if (!IsWithin(prediction, objective.max_latency) || !IsWithin(prediction, objective.deadline)) continue;
    if (best_in_time == nullptr || IsMoreAccurate(candidate, *best_in_time)) best_in_time = &candidate;
  }
  using Reason = Choice::Reason;
  if (best_in_time != nullptr) return {Reason::kMostAccurateInTime, best_in_time->profile, best_in_time->prediction};
  if (fastest == nullptr) return {};
  const Reason reason = IsWithin(fastest->prediction, objective.deadline) ? Reason::kFastest : Reason::kTooLate;
  return {reason, fastest->profile, fastest->prediction};
}

}  // namespace roberta::admission
