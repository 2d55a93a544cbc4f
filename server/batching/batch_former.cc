#include "server/batching/batch_former.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace roberta::batching {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

/// The cost of a token while nothing is known of its profile.
constexpr double kUnknownNsPerToken = 100'000;

/// A batch that overtakes another is chosen from so many of the oldest items of each priority. If all of these are
/// long, nothing overtakes, and short items behind them wait for their turn.
constexpr size_t kOvertakingWindowItems = 512;

/// The entries of a profile that one batch of it can hold, of each priority.
WaitingItems::Listed Shortlist(size_t profile, LoadingStrategy strategy, size_t budget, WaitingItems* waiting,
                               std::vector<BatchPart>* cancelled) {
  const bool is_bucketed = strategy == LoadingStrategy::kBucketed;
  return waiting->Oldest(profile, is_bucketed ? kBucketedWindowItems : kNoLimit, is_bucketed ? kNoLimit : budget,
                         cancelled);
}

bool IsShadow(const Job& job) {
  return job.priority == Priority::kShadow;
}

/// The time of so many tokens on one executor, in batches of `batch_tokens`.
double WorkNs(const BatchCost& cost, size_t tokens, size_t batch_tokens) {
  const auto count = static_cast<double>(tokens);
  if (!cost.alone().known()) return count * kUnknownNsPerToken;
  return cost.alone().WorkNs(count, static_cast<double>(std::max<size_t>(batch_tokens, 1)));
}

}  // namespace

BatchFormer::BatchFormer(const BatchQueueOptions& options)
    : options_(options),
      waiting_(options.profiles),
      shadow_(options.profiles),
      bulk_(options.profiles),
      spent_ns_(options.profiles),
      costs_(options.profiles) {}

const DataLoading& BatchFormer::LoadingOf(size_t profile) const {
  static const DataLoading kDefault;
  return profile < options_.loading.size() ? options_.loading[profile] : kDefault;
}

bool BatchFormer::HasRoomFor(const Job& job) const {
  if (IsShadow(job) || waiting_.empty()) return true;
  return waiting_.items() + job.lengths.size() <= options_.capacity_items &&
         waiting_.tokens() + job.token_ids.size() <= options_.capacity_tokens;
}

void BatchFormer::Add(const std::shared_ptr<Job>& job) {
  Enter(job, IsShadow(*job) ? &shadow_ : &waiting_);
}

void BatchFormer::Enter(const std::shared_ptr<Job>& job, WaitingItems* waiting) {
  waiting->Add(job, options_.now(), LoadingOf(job->profile).strategy == LoadingStrategy::kBucketed);
  if (options_.observer != nullptr) options_.observer->Queued(*job);
}

BatchRequest BatchFormer::RequestNow(std::optional<size_t> last_profile) const {
  return {.now = options_.now(),
          .last_profile = last_profile,
          .executors = options_.executors,
          .running_tokens = running_tokens_};
}

size_t BatchFormer::EfficientTokensOf(size_t profile) const {
  return EfficientTokens(costs_[profile].efficient_tokens(), LoadingOf(profile), options_.policy);
}

TokenBudget BatchFormer::BudgetNow(size_t profile, const WaitingItems& waiting, const BatchRequest& request) const {
  return BudgetOf(waiting.tokens(), EfficientTokensOf(profile), LoadingOf(profile), request, options_.policy);
}

std::optional<Batch> BatchFormer::Form(std::optional<size_t> last_profile, size_t idle_executors) {
  std::optional<Batch> batch = TakeEarly();
  if (!batch) batch = FormOfCalls(RequestNow(last_profile), idle_executors);
  if (!batch) batch = FormOfShadow(RequestNow({}));
  return batch;
}

std::optional<Batch> BatchFormer::TakeEarly() {
  while (!early_.empty()) {
    Batch batch = std::move(early_.front());
    early_.pop_front();
    batch.taken = options_.now();
    std::vector<BatchPart> expired, cancelled;
    running_tokens_ -= batch.tokens;
    RemoveUnwanted(&batch, &expired, &cancelled);
    running_tokens_ += batch.tokens;
    Drop(expired, Outcome::kExpired);
    Drop(cancelled, Outcome::kCancelled);
    if (!batch.parts.empty()) return batch;
    spent_ns_[batch.profile] -= batch.charged_ns;
  }
  return std::nullopt;
}

void BatchFormer::FormEarly(std::optional<size_t> last_profile) {
  std::optional<Batch> batch = FormOfCalls(RequestNow(last_profile), 1);
  if (!batch) return;
  if (batch->parts.size() > 1) batch->gathered = std::make_shared<const GatheredTokens>(Gather(*batch));
  early_.push_back(*std::move(batch));
}

std::optional<Batch> BatchFormer::FormOfCalls(const BatchRequest& request, size_t idle_executors) {
  LetBulkIn(idle_executors, request.now);
  DropUnwanted(&waiting_, request.now);
  while (!waiting_.empty()) {
    const ProfileTurn turn = NextProfile(waiting_.Oldest().jobs, spent_ns_, request, options_.policy);
    std::optional<Batch> batch = FormOf(turn.profile, BudgetNow(turn.profile, waiting_, request), request, &waiting_);
    if (!batch) continue;
    spent_ns_ = turn.spent_ns;
    Charge(&*batch);
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOfShadow(const BatchRequest& request) {
  DropUnwanted(&shadow_, request.now);
  while (!shadow_.empty()) {
    const WaitingItems::Listed oldest = shadow_.Oldest();
    const size_t profile = std::ranges::min_element(oldest.jobs, {}, &WaitingJob::enqueued)->profile;
    TokenBudget budget = BudgetNow(profile, shadow_, request);
    budget.padded_tokens = std::min(budget.padded_tokens, options_.policy.max_shadow_tokens);
    if (std::optional<Batch> batch = FormOf(profile, budget, request, &shadow_)) return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOvertaking(const OvertakenBatch& running) {
  const BatchRequest request = RequestNow({});
  DropUnwanted(&waiting_, request.now);
  if (waiting_.empty()) return std::nullopt;
  const ProfileTurn turn = NextProfile(waiting_.Oldest().jobs, spent_ns_, request, options_.policy);
  // The profile whose turn it is may have nothing short.
  for (size_t i = 0; i < spent_ns_.size(); ++i) {
    const size_t profile = (turn.profile + i) % spent_ns_.size();
    if (waiting_.tokens_of()[profile] == 0) continue;
    std::vector<BatchPart> cancelled;
    const WaitingItems::Listed listed = waiting_.Oldest(profile, kOvertakingWindowItems, kNoLimit, &cancelled);
    Drop(cancelled, Outcome::kCancelled);
    const BatchPlan plan = PlanOvertaking(listed.jobs, running, BudgetNow(profile, waiting_, request),
                                          LoadingOf(profile).strategy, request, options_.policy);
    if (plan.picks.empty()) continue;
    Batch batch = TakePlanned(plan, listed, profile, request.now, &waiting_);
    spent_ns_[profile] = turn.spent_ns[profile];
    Charge(&batch);
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOf(size_t profile, const TokenBudget& budget, const BatchRequest& request,
                                         WaitingItems* from) {
  const LoadingStrategy strategy = LoadingOf(profile).strategy;
  std::vector<BatchPart> cancelled;
  const WaitingItems::Listed listed = Shortlist(profile, strategy, budget.packed(), from, &cancelled);
  Drop(cancelled, Outcome::kCancelled);
  if (listed.jobs.empty()) return std::nullopt;  // the last items of the profile were cancelled just now
  const BatchPlan plan = PlanBatch(listed.jobs, budget, strategy, request, options_.policy);
  return TakePlanned(plan, listed, profile, request.now, from);
}

Batch BatchFormer::TakePlanned(const BatchPlan& plan, const WaitingItems::Listed& listed, size_t profile,
                               Clock::time_point now, WaitingItems* from) {
  Batch batch = {
      .profile = profile, .parts = {}, .tokens = plan.tokens, .padded_length = plan.padded_length, .taken = now};
  batch.parts.reserve(plan.picks.size());
  for (const Pick& pick : plan.picks) {
    batch.parts.push_back(from->TakeItems(listed.entries[pick.job], pick.items));
    batch.items += pick.items;
  }
  running_tokens_ += batch.tokens;
  return batch;
}

void BatchFormer::Charge(Batch* batch) {
  batch->charged_ns = static_cast<int64_t>(WorkNs(costs_[batch->profile], batch->tokens, batch->tokens));
  spent_ns_[batch->profile] += batch->charged_ns;
}

void BatchFormer::BatchEnded(const Batch& batch, const BatchRun& run) {
  running_tokens_ -= batch.tokens;
  const auto spent = std::chrono::nanoseconds(run.own_time() + run.helped);
  if (!IsShadow(*batch.parts.front().job)) spent_ns_[batch.profile] += spent.count() - batch.charged_ns;
  // An executor is busy with a batch from when it takes it.
  const auto took = std::chrono::nanoseconds(run.ended - batch.taken - run.overtaken);
  costs_[batch.profile].Learn(batch.tokens, took.count(), std::chrono::nanoseconds(run.helped).count());
  ReportCost(batch.profile);
}

void BatchFormer::SeedCost(size_t profile, double ns_per_token, size_t efficient_tokens) {
  costs_[profile].Seed(ns_per_token, efficient_tokens);
  ReportCost(profile);
}

void BatchFormer::ReportCost(size_t profile) const {
  if (options_.observer != nullptr) options_.observer->CostChanged(profile, costs_[profile]);
}

void BatchFormer::DropUnwanted(WaitingItems* from, Clock::time_point now) {
  Drop(from->TakeExpired(now), Outcome::kExpired);
  Drop(from->TakeCancelled(), Outcome::kCancelled);
}

void BatchFormer::Drop(const std::vector<BatchPart>& parts, Outcome outcome) {
  for (const BatchPart& part : parts) {
    if (options_.observer != nullptr) options_.observer->Left(part);
    dropped_.emplace_back(part, outcome);
  }
}

void BatchFormer::LetBulkIn(size_t idle_executors, Clock::time_point now) {
  bulk_.LetIn(
      idle_executors * options_.bulk_batch_tokens, now, waiting_,
      [&](const std::shared_ptr<Job>& job) { Enter(job, &waiting_); },
      [&](const std::shared_ptr<Job>& job, Outcome outcome) {
        dropped_.emplace_back(BatchPart{job, 0, job->lengths.size(), 0, job->token_ids.size()}, outcome);
      });
}

BatchFormer::Depth BatchFormer::depth() const {
  const Clock::time_point now = options_.now();
  Depth depth = {
      .items = waiting_.items_of(), .tokens = waiting_.tokens_of(), .oldest_age = now - waiting_.oldest(now)};
  constexpr auto kShadow = static_cast<size_t>(Priority::kShadow);
  for (size_t i = 0; i < depth.items.size(); ++i) depth.items[i][kShadow] = shadow_.items_of()[i][kShadow];
  return depth;
}

Clock::duration BatchFormer::waiting_work() const {
  double ns = 0;
  for (size_t i = 0; i < costs_.size(); ++i) {
    ns += WorkNs(costs_[i], waiting_.tokens_of()[i], EfficientTokensOf(i));
  }
  return std::chrono::nanoseconds(std::llround(ns));
}

}  // namespace roberta::batching
