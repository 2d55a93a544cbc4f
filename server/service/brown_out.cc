#include "server/service/brown_out.h"

#include <algorithm>
#include <utility>

namespace roberta::service {

namespace {

using Change = admission::BrownOut::Change;

metrics::LevelChange CountedAs(admission::BrownOut::Cause cause) {
  switch (cause) {
    case admission::BrownOut::Cause::kPressure:
      return metrics::LevelChange::kPressure;
    case admission::BrownOut::Cause::kRelief:
      return metrics::LevelChange::kRelief;
    case admission::BrownOut::Cause::kLostStep:
      break;
  }
  return metrics::LevelChange::kLostStep;
}

}  // namespace

BrownOutLadder::BrownOutLadder(BrownOutLadderOptions options, const Parts& parts,
                               const std::function<void(const Change&)>& changed)
    : options_(std::move(options)),
      parts_(parts),
      brown_out_(options_.thresholds, [metrics = parts.metrics, changed](const Change& change) {
        metrics->brown_out().CountChange(CountedAs(change.cause));
        if (changed != nullptr) changed(change);
      }) {}

std::optional<BrownOutLadder::Step> BrownOutLadder::Arrive() {
  std::vector<registry::LoadedProfile> steps = ReadySteps();
  const size_t level = ReportPressure(steps.size());
  if (level == 0) return std::nullopt;
  return Step{level, std::move(steps[level - 1])};
}

void BrownOutLadder::WorkArrived() {
  ReportPressure(ReadySteps().size());
}

size_t BrownOutLadder::level() {
  return brown_out_.LevelAt(options_.now());
}

std::vector<registry::LoadedProfile> BrownOutLadder::ReadySteps() const {
  auto first = std::find(options_.profiles.begin(), options_.profiles.end(), parts_.registry->default_profile());
  first = first == options_.profiles.end() ? options_.profiles.begin() : first + 1;
  std::vector<registry::LoadedProfile> steps;
  for (; first != options_.profiles.end(); ++first) {
    if (auto profile = parts_.registry->Get(*first); profile.ok()) steps.push_back(*std::move(profile));
  }
  return steps;
}

size_t BrownOutLadder::ReportPressure(size_t steps) {
  const auto pressure = parts_.queue->waiting_work() / static_cast<int64_t>(options_.executors);
  return brown_out_.Report(pressure, options_.now(), steps);
}

}  // namespace roberta::service
