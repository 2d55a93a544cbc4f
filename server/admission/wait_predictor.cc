#include "server/admission/wait_predictor.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace roberta::admission {
namespace {

constexpr double kBiasRate = 1.0 / 64;
constexpr std::chrono::nanoseconds kArrivalMemory = std::chrono::seconds(1);

std::chrono::nanoseconds Nanoseconds(double ns) {
  return std::chrono::nanoseconds(static_cast<int64_t>(ns));
}

size_t IndexOf(call::Priority priority) {
  return static_cast<size_t>(priority);
}

double Count(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count());
}

PendingCall WorkOf(const batching::Job& job, size_t items, size_t tokens) {
  return {.profile = job.profile, .priority = job.priority, .items = items, .tokens = tokens, .caller = job.caller};
}

/// Of a profile or of a caller.
template <typename State>
size_t TokensOf(const State& state) {
  size_t tokens = 0;
  for (const auto* counts : {&state.queued_tokens, &state.reserved_tokens}) {
    tokens = std::accumulate(counts->begin(), counts->end(), tokens);
  }
  return tokens;
}

}  // namespace

void ReleaseWork::operator()(WaitPredictor* predictor) const {
  predictor->Release(work);
}

WaitPredictor::WaitPredictor(size_t profiles, const Discipline& discipline)
    : discipline_(discipline), profiles_(profiles), load_(discipline.executors) {
  running_.reserve(discipline.executors);
}

void WaitPredictor::Queued(const batching::Job& job) {
  if (job.priority == call::Priority::kShadow) return;
  const std::lock_guard lock(mutex_);
  CountLocked(Step::kMore, WorkOf(job, job.lengths.size(), job.token_ids.size()), /*is_queued=*/true);
}

void WaitPredictor::Left(const batching::BatchPart& part) {
  if (part.job->priority == call::Priority::kShadow) return;
  const std::lock_guard lock(mutex_);
  CountLocked(Step::kFewer, WorkOf(*part.job, part.items, part.tokens), /*is_queued=*/true);
}

void WaitPredictor::CountLocked(Step step, const PendingCall& work, bool is_queued) {
  ProfileState& state = profiles_[work.profile];
  auto caller = std::ranges::find(state.callers, work.caller, &CallerState::caller);
  if (caller == state.callers.end()) caller = state.callers.insert(caller, {.caller = work.caller});
  const size_t priority = IndexOf(work.priority);
  const auto count = [&](size_t* total, size_t by) { *total += step == Step::kMore ? by : -by; };
  count(&(is_queued ? state.queued_tokens : state.reserved_tokens)[priority], work.tokens);
  count(&(is_queued ? caller->queued_tokens : caller->reserved_tokens)[priority], work.tokens);
  count(&caller->items, work.items);
  count(&waiting_items_, work.items);
  if (caller->items > 0) return;
  *caller = state.callers.back();
  state.callers.pop_back();
}

void WaitPredictor::Started(const batching::Batch& batch) {
  const std::lock_guard lock(mutex_);
  const batching::BatchCost& cost = profiles_[batch.profile].cost;
  const auto count = static_cast<double>(batch.tokens);
  const bool is_helped = discipline_.split_lone_batches && running_.size() + 1 < discipline_.executors;
  if (!is_helped) TakeHelpLocked(batch.taken);
  const double expected_ns = is_helped ? cost.HelpedNs(count) : cost.alone().BatchNs(count);
  running_.push_back({.profile = batch.profile,
                      .tokens = batch.tokens,
                      .started = batch.taken,
                      .expected_end = batch.taken + Nanoseconds(expected_ns),
                      .is_helped = is_helped,
                      .lets_short_run = batch.overtaken != nullptr});
}

void WaitPredictor::TakeHelpLocked(Clock::time_point now) {
  for (RunningBatch& batch : running_) {
    if (!batch.is_helped) continue;
    const batching::BatchCost& cost = profiles_[batch.profile].cost;
    const auto tokens = static_cast<double>(batch.tokens);
    const double left_ns = std::max(0.0, Count(batch.expected_end - now)), helped_ns = cost.HelpedNs(tokens);
    if (helped_ns > 0) batch.expected_end = now + Nanoseconds(left_ns * cost.alone().BatchNs(tokens) / helped_ns);
    batch.is_helped = false;
  }
}

void WaitPredictor::Ended(const batching::Batch& batch, const batching::BatchRun& /*run*/) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(running_, [&](const RunningBatch& running) {
    return running.profile == batch.profile && running.tokens == batch.tokens && running.started == batch.taken;
  });
  if (found != running_.end()) running_.erase(found);
}

void WaitPredictor::CostChanged(size_t profile, const batching::BatchCost& cost) {
  const std::lock_guard lock(mutex_);
  profiles_[profile].cost = cost;
}

Reservation WaitPredictor::Reserve(const PendingCall& work, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  ProfileState& state = profiles_[work.profile];
  state.arrived_tokens = ArrivedTokens(state, now) + static_cast<double>(work.tokens);
  state.last_arrival = std::max(state.last_arrival, now);
  CountLocked(Step::kMore, work, /*is_queued=*/false);
  return Reservation(this, {work});
}

void WaitPredictor::Release(const PendingCall& work) {
  const std::lock_guard lock(mutex_);
  CountLocked(Step::kFewer, work, /*is_queued=*/false);
}

void WaitPredictor::LearnTokens(size_t items, size_t bytes, size_t tokens) {
  const std::lock_guard lock(mutex_);
  token_rate_.Learn(items, bytes, tokens);
}

void WaitPredictor::LearnError(const PendingCall& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                               Clock::time_point now) {
  if (!prediction.known) return;
  const std::lock_guard lock(mutex_);
  ProfileState& state = profiles_[call.profile];
  state.margins[IndexOf(call.priority)].Learn(now, Count(prediction.finish), Count(actual));
  state.bias_ns += kBiasRate * (Count(actual - prediction.finish) - state.bias_ns);
}

void WaitPredictor::LearnExpiry(const PendingCall& call, const Prediction& prediction, std::chrono::nanoseconds actual,
                                Clock::time_point now) {
  // Less than was predicted says nothing of the prediction.
  if (!prediction.known || actual <= prediction.finish) return;
  const std::lock_guard lock(mutex_);
  profiles_[call.profile].margins[IndexOf(call.priority)].Learn(now, Count(prediction.finish), Count(actual));
}

TokenRate WaitPredictor::token_rate() const {
  const std::lock_guard lock(mutex_);
  return token_rate_;
}

Prediction WaitPredictor::Predict(const PendingCall& call, Behind behind, Clock::time_point now) const {
  std::vector<ProfileWork> work;
  std::vector<double> running_ns;
  ErrorMargin margin;
  {
    const std::lock_guard lock(mutex_);
    work = WorkLocked(behind, now);
    work[call.profile].tokens[IndexOf(call.priority)] = EquallyUrgentTokens(profiles_[call.profile], call, behind);
    running_ns = RunningNsLocked(!discipline_.IsLong(call.items, call.tokens), now);
    margin = profiles_[call.profile].margins[IndexOf(call.priority)];
  }
  Prediction prediction;
  prediction.known = work[call.profile].cost.alone().known();
  if (!prediction.known) return prediction;
  const double finish_ns = FinishNs(call, work, std::move(running_ns), discipline_);
  prediction.finish = Nanoseconds(finish_ns);
  prediction.margin = Nanoseconds(margin.MarginNs(finish_ns));
  return prediction;
}

double WaitPredictor::EquallyUrgentTokens(const ProfileState& state, const PendingCall& call, Behind behind) {
  const size_t priority = IndexOf(call.priority);
  const auto waiting = [&](const CallerState& caller) {
    return caller.queued_tokens[priority] + (behind == Behind::kAllAdmitted ? caller.reserved_tokens[priority] : 0);
  };
  const auto own = std::ranges::find(state.callers, call.caller, &CallerState::caller);
  const size_t own_tokens = own == state.callers.end() ? 0 : waiting(*own);
  size_t tokens = own_tokens;
  for (const CallerState& other : state.callers) {
    if (other.caller != call.caller) tokens += std::min(waiting(other), own_tokens + call.tokens);
  }
  return static_cast<double>(tokens);
}

WaitPredictor::Held WaitPredictor::HeldLocked() const {
  Held held = {.items = waiting_items_};
  for (const ProfileState& state : profiles_) held.tokens += TokensOf(state);
  return held;
}

WaitPredictor::Held WaitPredictor::held() const {
  const std::lock_guard lock(mutex_);
  return HeldLocked();
}

WaitPredictor::Held WaitPredictor::held_by(size_t caller) const {
  const std::lock_guard lock(mutex_);
  Held held;
  for (const ProfileState& state : profiles_) {
    const auto found = std::ranges::find(state.callers, caller, &CallerState::caller);
    if (found == state.callers.end()) continue;
    held.items += found->items;
    held.tokens += TokensOf(*found);
  }
  return held;
}

WaitPredictor::Backlog WaitPredictor::backlog(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  const Held all = HeldLocked();
  Backlog backlog = {.items = all.items, .tokens = all.tokens};
  backlog.drain = Nanoseconds(DrainNs(WorkLocked(Behind::kAllAdmitted, now), RunningNsLocked(false, now), discipline_));
  return backlog;
}

std::chrono::nanoseconds WaitPredictor::bias(size_t profile) const {
  const std::lock_guard lock(mutex_);
  return Nanoseconds(profiles_[profile].bias_ns);
}

void WaitPredictor::Offer(const PendingCall& call, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const batching::BatchCost& cost = profiles_[call.profile].cost;
  load_.Offer(now,
              cost.alone().WorkNs(static_cast<double>(call.tokens), discipline_.EfficientTokens(call.profile, cost)));
}

double WaitPredictor::load_ratio(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return load_.Ratio(now);
}

double WaitPredictor::ArrivedTokens(const ProfileState& state, Clock::time_point now) {
  const auto since = std::max(now - state.last_arrival, Clock::duration::zero());
  return state.arrived_tokens * std::exp(-Count(since) / Count(kArrivalMemory));
}

std::vector<ProfileWork> WaitPredictor::WorkLocked(Behind behind, Clock::time_point now) const {
  std::vector<ProfileWork> work(profiles_.size());
  for (size_t profile = 0; profile < profiles_.size(); ++profile) {
    const ProfileState& state = profiles_[profile];
    work[profile].cost = state.cost;
    work[profile].arriving_per_ns = ArrivedTokens(state, now) / Count(kArrivalMemory);
    for (size_t priority = 0; priority < call::kCallPriorities; ++priority) {
      size_t tokens = state.queued_tokens[priority];
      if (behind == Behind::kAllAdmitted) tokens += state.reserved_tokens[priority];
      work[profile].tokens[priority] = static_cast<double>(tokens);
    }
  }
  for (const RunningBatch& batch : running_) work[batch.profile].running_tokens += batch.tokens;
  return work;
}

std::vector<double> WaitPredictor::RunningNsLocked(bool for_short_work, Clock::time_point now) const {
  std::vector<double> running_ns;
  running_ns.reserve(running_.size());
  for (const RunningBatch& batch : running_) {
    const bool gives_way = for_short_work && batch.lets_short_run;
    running_ns.push_back(gives_way ? 0.0 : std::max(0.0, Count(batch.expected_end - now)));
  }
  return running_ns;
}

}  // namespace roberta::admission
