#include "server/service/brown_out.h"

#include <algorithm>
#include <utility>

namespace roberta::service {

using admission::BrownOut;
using metrics::LevelChange;

static_assert(static_cast<int>(LevelChange::kPressure) == static_cast<int>(BrownOut::Cause::kPressure) &&
                  static_cast<int>(LevelChange::kRelief) == static_cast<int>(BrownOut::Cause::kRelief) &&
                  static_cast<int>(LevelChange::kLostStep) == static_cast<int>(BrownOut::Cause::kLostStep),
              "the two enumerations share their numbers");

BrownOutLadder::BrownOutLadder(BrownOutLadderOptions options, Parts parts,
                               const std::function<void(const BrownOut::Change&)>& changed)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      brown_out_(options_.thresholds, [metrics = parts_.metrics, changed](const BrownOut::Change& change) {
        metrics->brown_out().CountChange(static_cast<LevelChange>(change.cause));
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
  auto first = std::ranges::find(options_.profiles, parts_.registry->default_profile());
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
