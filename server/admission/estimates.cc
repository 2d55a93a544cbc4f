#include "server/admission/estimates.h"

#include <cmath>
#include <numeric>

namespace roberta::admission {
namespace {

constexpr double kWidth = 0.01;  // of a bin of relative error; what lies beyond counts in the first or the last one

constexpr double kFirstGuess = 0.1;
constexpr double kFirstGuessWeight = 20;  // calls
/// What no prediction covers: the time that threads take to wake up.
constexpr double kGranularityNs = 1e6;

size_t BinOf(double relative_error, size_t bins) {
  const double bin = std::clamp(relative_error / kWidth, 0.0, static_cast<double>(bins - 1));
  return static_cast<size_t>(bin);
}

struct Ahead {
  double more_urgent = 0;
  double as_urgent = 0;
};

using Profiles = std::vector<ProfileWork>;

double WorkNs(const Profiles& profiles, size_t profile, double tokens, const Discipline& discipline) {
  const batching::BatchCost& cost = profiles[profile].cost;
  return cost.alone().WorkNs(tokens, discipline.EfficientTokens(profile, cost));
}

double TokensOf(const ProfileWork& profile) {
  return std::accumulate(profile.tokens.begin(), profile.tokens.end(), 0.0);
}

/// The tokens of one profile that go before a call of `priority`. Less urgent ones do once they have waited long
/// enough: of a backlog, that is the part which takes longer to drain than the ageing steps between the two priorities.
Ahead TokensAhead(const Profiles& profiles, size_t profile, call::Priority priority, const Discipline& discipline) {
  Ahead ahead;
  const std::array<double, call::kCallPriorities>& tokens = profiles[profile].tokens;
  const double token_ns = WorkNs(profiles, profile, 1, discipline) / static_cast<double>(discipline.executors);
  const auto own = static_cast<size_t>(priority);
  for (size_t other = 0; other < call::kCallPriorities; ++other) {
    if (other > own) {
      ahead.more_urgent += tokens[other];
    } else if (token_ns > 0) {
      const auto steps = static_cast<double>(own - other);
      const double too_young = steps * static_cast<double>(discipline.policy.ageing_step.count()) / token_ns;
      ahead.as_urgent += std::max(0.0, tokens[other] - too_young);
    }
  }
  return ahead;
}

/// The tokens of the call's last batch, if `arriving` join what waits before that is formed.
double LastBatchTokens(const PendingCall& call, const Profiles& profiles, double arriving,
                       const Discipline& discipline) {
  double waiting = static_cast<double>(call.tokens) + arriving;
  size_t running = 0;
  for (const ProfileWork& profile : profiles) {
    waiting += TokensOf(profile);
    running += profile.running_tokens;
  }
  const batching::BatchRequest request = {
      .executors = discipline.executors,
      .running_tokens = running - running / discipline.executors};  // what the executor itself runs has ended by then
  const auto efficient = static_cast<size_t>(discipline.EfficientTokens(call.profile, profiles[call.profile].cost));
  const batching::TokenBudget budget =
      batching::BudgetOf(static_cast<size_t>(std::ceil(waiting)), efficient, discipline.LoadingOf(call.profile),
                         request, discipline.policy);
  return static_cast<double>(std::max(budget.packed(), call.tokens / std::max<size_t>(call.items, 1)));
}

/// When an executor is free for what comes after `work_ns` that all of them share.
double FreeAfter(std::vector<double> running_ns, double work_ns, size_t executors) {
  if (running_ns.size() < executors) running_ns.resize(executors, 0.0);
  std::ranges::sort(running_ns);
  const size_t overtaking = running_ns.size() - executors;
  for (size_t i = 0; i < overtaking; ++i) running_ns[running_ns.size() - 1 - i] += running_ns[i];
  running_ns.erase(running_ns.begin(), running_ns.begin() + static_cast<std::ptrdiff_t>(overtaking));
  std::ranges::sort(running_ns);
  double busy_ns = 0;
  for (size_t free = 1; free <= running_ns.size(); ++free) {
    busy_ns += running_ns[free - 1];
    const double level = (busy_ns + work_ns) / static_cast<double>(free);
    if (free == running_ns.size() || level <= running_ns[free]) return level;
  }
  return 0;
}

}  // namespace

ErrorMargin::ErrorMargin() {
  weights_[BinOf(kFirstGuess, kBins)] = weight_ = kFirstGuessWeight;
  Fit();
}

void ErrorMargin::Learn(Clock::time_point now, double predicted_ns, double actual_ns) {
  if (now - halved_ >= kHalfLife) {
    for (double& weight : weights_) weight /= 2;
    weight_ /= 2;
    halved_ = now;
  }
  weights_[BinOf((actual_ns - predicted_ns) / (predicted_ns + kGranularityNs), kBins)] += 1;
  weight_ += 1;
  Fit();
}

void ErrorMargin::Fit() {
  double beyond = weights_[kBins - 1];
  size_t bin = kBins - 1;
  while (bin > 0 && beyond <= kShortfall * weight_) beyond += weights_[--bin];
  stretch_ = static_cast<double>(bin + 1) * kWidth;
}

double ErrorMargin::MarginNs(double predicted_ns) const {
  return stretch_ * (predicted_ns + kGranularityNs);
}

void LoadMeter::Offer(Clock::time_point now, double executor_ns) {
  const int64_t number = NumberOf(now);
  Slot& slot = slots_[static_cast<size_t>(number) % slots_.size()];
  if (slot.number != number) slot = {number, 0};
  slot.executor_ns += executor_ns;
}

double LoadMeter::Ratio(Clock::time_point now) const {
  const int64_t last = NumberOf(now);
  const auto into_last = now.time_since_epoch() % kSlot;
  const double share_of_oldest = 1 - std::chrono::duration<double>(into_last) / kSlot;
  double offered_ns = 0;
  for (const Slot& slot : slots_) {
    const int64_t age = last - slot.number;
    if (slot.number < 0 || age < 0 || age > static_cast<int64_t>(kSlots)) continue;
    offered_ns += slot.executor_ns * (age == static_cast<int64_t>(kSlots) ? share_of_oldest : 1);
  }
  const double window_ns = std::chrono::duration<double, std::nano>(kWindow).count();
  return offered_ns / (window_ns * static_cast<double>(executors_));
}

double FinishNs(const PendingCall& call, const std::vector<ProfileWork>& profiles, std::vector<double> running_ns,
                const Discipline& discipline) {
  const ProfileWork& own = profiles[call.profile];
  const Ahead own_ahead = TokensAhead(profiles, call.profile, call.priority, discipline);
  const double call_tokens = static_cast<double>(call.tokens);

  double others_ns = 0;
  // Profiles get equal shares from when their more urgent work has run: until then only those that have such work
  // compete.
  const double own_turn_ns = WorkNs(profiles, call.profile, own_ahead.as_urgent + call_tokens, discipline);
  for (size_t profile = 0; profile < profiles.size(); ++profile) {
    if (profile == call.profile) continue;
    const Ahead ahead = TokensAhead(profiles, profile, call.priority, discipline);
    others_ns += WorkNs(profiles, profile, ahead.more_urgent, discipline) +
                 std::min(WorkNs(profiles, profile, ahead.as_urgent, discipline), own_turn_ns);
  }
  const double before = own_ahead.more_urgent + own_ahead.as_urgent;
  const size_t idle = discipline.executors - std::min(discipline.executors, running_ns.size());
  if (before + others_ns == 0 && idle > 1) {  // they take even parts, each in batches if it is much
    const double part = std::ceil(call_tokens / static_cast<double>(std::clamp<size_t>(call.items, 1, idle)));
    if (discipline.split_lone_batches && call.items < idle) return own.cost.HelpedNs(part);
    return std::max(own.cost.alone().BatchNs(part), WorkNs(profiles, call.profile, part, discipline));
  }
  const double together = before + call_tokens;
  // The last of them share its last batch, so only the rest goes before it.
  double batch_tokens = std::min(LastBatchTokens(call, profiles, 0, discipline), together);
  const double before_ns = WorkNs(profiles, call.profile, together - batch_tokens, discipline);
  const double wait_ns = FreeAfter(std::move(running_ns), before_ns + others_ns, discipline.executors);
  const double arriving = own.arriving_per_ns * wait_ns;
  batch_tokens = std::min(LastBatchTokens(call, profiles, arriving, discipline), batch_tokens + arriving);
  return wait_ns + own.cost.alone().BatchNs(batch_tokens);
}

double DrainNs(const std::vector<ProfileWork>& profiles, const std::vector<double>& running_ns,
               const Discipline& discipline) {
  double work_ns = std::accumulate(running_ns.begin(), running_ns.end(), 0.0);
  for (size_t profile = 0; profile < profiles.size(); ++profile) {
    work_ns += WorkNs(profiles, profile, TokensOf(profiles[profile]), discipline);
  }
  return work_ns / static_cast<double>(discipline.executors);
}

}  // namespace roberta::admission
