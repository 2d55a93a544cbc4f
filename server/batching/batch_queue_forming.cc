// How a BatchQueue makes a batch of what waits; all of it under the queue's lock.
#include <algorithm>
#include <limits>
#include <utility>

#include "server/batching/batch_queue.h"

namespace roberta::batching {

namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

/// Items that a batch which overtakes another is chosen from at each priority, the oldest: with only long ones among
/// them nothing is found, and what is short waits for its turn.
constexpr size_t kOvertakingWindowItems = 512;

/// The entries of a profile that a batch of it can hold, of each priority.
WaitingItems::Listed Shortlist(size_t profile, const DataLoading& loading, size_t max_batch_tokens,
                               WaitingItems* waiting, std::vector<BatchPart>* cancelled) {
  if (loading.strategy == LoadingStrategy::kBucketed) {
    return waiting->Oldest(profile, kBucketedWindowItems, kNoLimit, cancelled);
  }
  return waiting->Oldest(profile, kNoLimit, loading.max_batch_tokens.value_or(max_batch_tokens), cancelled);
}

}  // namespace

const DataLoading& BatchQueue::LoadingOf(size_t profile) const {
  static const DataLoading kDefault;
  return profile < options_.loading.size() ? options_.loading[profile] : kDefault;
}

std::optional<Batch> BatchQueue::Next(std::optional<size_t> last_profile, size_t idle_executors, Jobs* ended) {
  std::optional<Batch> batch = NextPrefetched(ended);
  if (!batch) batch = FormOfCalls(last_profile, idle_executors, ended);
  if (!batch) batch = FormOfShadow(ended);
  if (!batch) return std::nullopt;
  batch->work = helped_.Started(batch->tokens);
  batch->overtaken = overtaken_.Started(*batch, options_.policy);
  Start(&*batch);
  return batch;
}

void BatchQueue::Start(Batch* batch) {
  if (LoadingOf(batch->profile).prefetch) {
    ++prefetching_running_;
    last_prefetching_ = batch->profile;
  }
  if (options_.observer == nullptr) return;
  for (const BatchPart& part : batch->parts) options_.observer->Left(part);
  options_.observer->Started(*batch);
}

std::optional<Batch> BatchQueue::FormOvertaking(const OvertakenBatch& running, Jobs* ended) {
  const Asker asker = {.now = options_.now(), .last_profile = {}, .idle_executors = 1};
  Drop(waiting_.TakeExpired(asker.now), Outcome::kExpired, ended);
  Drop(waiting_.TakeCancelled(), Outcome::kCancelled, ended);
  if (waiting_.empty()) return std::nullopt;
  ProfileChoice choice = ChooseProfile(waiting_.Oldest().jobs, shares_, asker, options_.policy);
  // Whose turn it is may have nothing short.
  for (size_t i = 0; i < shares_.size(); ++i) {
    const size_t profile = (choice.profile + i) % shares_.size();
    if (waiting_.tokens_of()[profile] == 0) continue;
    std::vector<BatchPart> cancelled;
    const WaitingItems::Listed listed = waiting_.Oldest(profile, kOvertakingWindowItems, kNoLimit, &cancelled);
    Drop(cancelled, Outcome::kCancelled, ended);
    const BatchPlan plan = PlanOvertaking(listed.jobs, running, LoadingOf(profile), asker, options_.policy);
    if (plan.picks.empty()) continue;
    Batch batch = TakePlanned(plan, listed, profile, asker.now, &waiting_);
    shares_[profile].spent_ns = choice.spent_ns[profile];
    Charge(&batch);
    Start(&batch);
    return batch;
  }
  return std::nullopt;
}

void BatchQueue::Charge(Batch* batch) {
  batch->charged_ns = ChargeOf(shares_[batch->profile], batch->tokens);
  shares_[batch->profile].spent_ns += batch->charged_ns;
}

std::optional<Batch> BatchQueue::NextPrefetched(Jobs* ended) {
  while (!prefetched_.empty()) {
    Batch batch = std::move(prefetched_.front());
    prefetched_.pop_front();
    batch.taken = options_.now();
    std::vector<BatchPart> expired, cancelled;
    TakeUnwanted(&batch, &expired, &cancelled);
    Drop(expired, Outcome::kExpired, ended);
    Drop(cancelled, Outcome::kCancelled, ended);
    if (!batch.parts.empty()) return batch;
    shares_[batch.profile].spent_ns -= batch.charged_ns;
  }
  return std::nullopt;
}

void BatchQueue::FormEarly(Jobs* ended) {
  std::optional<Batch> batch = FormOfCalls(last_prefetching_, 1, ended);
  if (!batch) return;
  if (batch->parts.size() > 1) batch->gathered = std::make_shared<const GatheredTokens>(Gather(*batch));
  prefetched_.push_back(*std::move(batch));
}

std::optional<Batch> BatchQueue::FormOfCalls(std::optional<size_t> last_profile, size_t idle_executors, Jobs* ended) {
  const Asker asker = {options_.now(), last_profile, idle_executors};
  LetBulkIn(idle_executors, asker.now, ended);
  Drop(waiting_.TakeExpired(asker.now), Outcome::kExpired, ended);
  Drop(waiting_.TakeCancelled(), Outcome::kCancelled, ended);
  while (!waiting_.empty()) {
    const ProfileChoice choice = ChooseProfile(waiting_.Oldest().jobs, shares_, asker, options_.policy);
    std::optional<Batch> batch = FormOf(choice.profile, LoadingOf(choice.profile), asker, &waiting_, ended);
    if (!batch) continue;
    for (size_t i = 0; i < shares_.size(); ++i) shares_[i].spent_ns = choice.spent_ns[i];
    Charge(&*batch);
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchQueue::FormOfShadow(Jobs* ended) {
  const Asker asker = {.now = options_.now(), .last_profile = {}, .idle_executors = 1};
  Drop(shadow_.TakeExpired(asker.now), Outcome::kExpired, ended);
  Drop(shadow_.TakeCancelled(), Outcome::kCancelled, ended);
  while (!shadow_.empty()) {
    const WaitingItems::Listed oldest = shadow_.Oldest();
    const auto first =
        std::min_element(oldest.jobs.begin(), oldest.jobs.end(),
                         [](const WaitingJob& a, const WaitingJob& b) { return a.enqueued < b.enqueued; });
    DataLoading loading = LoadingOf(first->profile);
    loading.max_batch_tokens = std::min(loading.max_batch_tokens.value_or(options_.policy.max_batch_tokens),
                                        options_.policy.max_shadow_tokens);
    std::optional<Batch> batch = FormOf(first->profile, loading, asker, &shadow_, ended);
    if (batch) return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchQueue::FormOf(size_t profile, const DataLoading& loading, const Asker& asker,
                                        WaitingItems* from, Jobs* ended) {
  std::vector<BatchPart> cancelled;
  const WaitingItems::Listed listed = Shortlist(profile, loading, options_.policy.max_batch_tokens, from, &cancelled);
  Drop(cancelled, Outcome::kCancelled, ended);
  if (listed.jobs.empty()) return std::nullopt;  // the last ones of the profile were cancelled just now
  const BatchPlan plan = PlanBatch(listed.jobs, from->tokens(), loading, asker, options_.policy);
  return TakePlanned(plan, listed, profile, asker.now, from);
}

Batch BatchQueue::TakePlanned(const BatchPlan& plan, const WaitingItems::Listed& listed, size_t profile,
                              Clock::time_point now, WaitingItems* from) {
  Batch batch = {
      .profile = profile, .parts = {}, .tokens = plan.tokens, .padded_length = plan.padded_length, .taken = now};
  batch.parts.reserve(plan.picks.size());
  for (const Pick& pick : plan.picks) {
    batch.parts.push_back(from->TakeItems(listed.entries[pick.job], pick.items));
    batch.items += pick.items;
  }
  return batch;
}

void BatchQueue::Drop(const std::vector<BatchPart>& parts, Outcome outcome, Jobs* ended) {
  for (const BatchPart& part : parts) {
    if (options_.observer != nullptr) options_.observer->Left(part);
    Settle(part, outcome, ended);
  }
}

void BatchQueue::LetBulkIn(size_t idle_executors, Clock::time_point now, Jobs* ended) {
  bulk_.LetIn(
      idle_executors * options_.bulk_batch_tokens, now, waiting_,
      [&](const std::shared_ptr<Job>& job) { Enter(job, &waiting_); },
      [&](const std::shared_ptr<Job>& job, Outcome outcome) {
        Settle({job, 0, job->lengths.size(), 0, job->token_ids.size()}, outcome, ended);
      });
}

}  // namespace roberta::batching
