#include "server/batching/batch_former.h"

#include <algorithm>
#include <limits>

namespace roberta::batching {

namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

/// The weight of one batch in the estimate of what a token costs.
constexpr double kLearningRate = 0.1;

/// A batch that overtakes another is chosen from so many of the oldest items of each priority. If all of these are
/// long, nothing overtakes, and short items behind them wait for their turn.
constexpr size_t kOvertakingWindowItems = 512;

/// The entries of a profile that one batch of it can hold, of each priority.
WaitingItems::Listed Shortlist(size_t profile, const DataLoading& loading, size_t max_batch_tokens,
                               WaitingItems* waiting, std::vector<BatchPart>* cancelled) {
  if (loading.strategy == LoadingStrategy::kBucketed) {
    return waiting->Oldest(profile, kBucketedWindowItems, kNoLimit, cancelled);
  }
  return waiting->Oldest(profile, kNoLimit, loading.max_batch_tokens.value_or(max_batch_tokens), cancelled);
}

bool IsShadow(const Job& job) {
  return job.priority == Priority::kShadow;
}

}  // namespace

BatchFormer::BatchFormer(const BatchQueueOptions& options)
    : options_(options),
      waiting_(options.profiles),
      shadow_(options.profiles),
      bulk_(options.profiles),
      shares_(options.profiles) {}

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

std::optional<Batch> BatchFormer::Form(std::optional<size_t> last_profile, size_t idle_executors) {
  std::optional<Batch> batch = TakeEarly();
  if (!batch) batch = FormOfCalls({options_.now(), last_profile, idle_executors});
  if (!batch) batch = FormOfShadow({.now = options_.now(), .last_profile = {}});
  return batch;
}

std::optional<Batch> BatchFormer::TakeEarly() {
  while (!early_.empty()) {
    Batch batch = std::move(early_.front());
    early_.pop_front();
    batch.taken = options_.now();
    std::vector<BatchPart> expired, cancelled;
    RemoveUnwanted(&batch, &expired, &cancelled);
    Drop(expired, Outcome::kExpired);
    Drop(cancelled, Outcome::kCancelled);
    if (!batch.parts.empty()) return batch;
    shares_[batch.profile].spent_ns -= batch.charged_ns;
  }
  return std::nullopt;
}

void BatchFormer::FormEarly(std::optional<size_t> last_profile) {
  std::optional<Batch> batch = FormOfCalls({options_.now(), last_profile, 1});
  if (!batch) return;
  if (batch->parts.size() > 1) batch->gathered = std::make_shared<const GatheredTokens>(Gather(*batch));
  early_.push_back(*std::move(batch));
}

std::optional<Batch> BatchFormer::FormOfCalls(const BatchRequest& request) {
  LetBulkIn(request);
  DropUnwanted(&waiting_, request.now);
  while (!waiting_.empty()) {
    const ProfileTurn turn = NextProfile(waiting_.Oldest().jobs, shares_, request, options_.policy);
    std::optional<Batch> batch = FormOf(turn.profile, LoadingOf(turn.profile), request, &waiting_);
    if (!batch) continue;
    for (size_t i = 0; i < shares_.size(); ++i) shares_[i].spent_ns = turn.spent_ns[i];
    Charge(&*batch);
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOfShadow(const BatchRequest& request) {
  DropUnwanted(&shadow_, request.now);
  while (!shadow_.empty()) {
    const WaitingItems::Listed oldest = shadow_.Oldest();
    const auto first =
        std::min_element(oldest.jobs.begin(), oldest.jobs.end(),
                         [](const WaitingJob& a, const WaitingJob& b) { return a.enqueued < b.enqueued; });
    DataLoading loading = LoadingOf(first->profile);
    loading.max_batch_tokens = std::min(loading.max_batch_tokens.value_or(options_.policy.max_batch_tokens),
                                        options_.policy.max_shadow_tokens);
    if (std::optional<Batch> batch = FormOf(first->profile, loading, request, &shadow_)) return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOvertaking(const OvertakenBatch& running) {
  const BatchRequest request = {.now = options_.now(), .last_profile = {}};
  DropUnwanted(&waiting_, request.now);
  if (waiting_.empty()) return std::nullopt;
  const ProfileTurn turn = NextProfile(waiting_.Oldest().jobs, shares_, request, options_.policy);
  // The profile whose turn it is may have nothing short.
  for (size_t i = 0; i < shares_.size(); ++i) {
    const size_t profile = (turn.profile + i) % shares_.size();
    if (waiting_.tokens_of()[profile] == 0) continue;
    std::vector<BatchPart> cancelled;
    const WaitingItems::Listed listed = waiting_.Oldest(profile, kOvertakingWindowItems, kNoLimit, &cancelled);
    Drop(cancelled, Outcome::kCancelled);
    const BatchPlan plan = PlanOvertaking(listed.jobs, running, LoadingOf(profile), request, options_.policy);
    if (plan.picks.empty()) continue;
    Batch batch = TakePlanned(plan, listed, profile, request.now, &waiting_);
    shares_[profile].spent_ns = turn.spent_ns[profile];
    Charge(&batch);
    return batch;
  }
  return std::nullopt;
}

std::optional<Batch> BatchFormer::FormOf(size_t profile, const DataLoading& loading, const BatchRequest& request,
                                         WaitingItems* from) {
  std::vector<BatchPart> cancelled;
  const WaitingItems::Listed listed = Shortlist(profile, loading, options_.policy.max_batch_tokens, from, &cancelled);
  Drop(cancelled, Outcome::kCancelled);
  if (listed.jobs.empty()) return std::nullopt;  // the last items of the profile were cancelled just now
  const BatchPlan plan = PlanBatch(listed.jobs, from->tokens(), loading, request, options_.policy);
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
  return batch;
}

void BatchFormer::Charge(Batch* batch) {
  batch->charged_ns = ChargeOf(shares_[batch->profile], batch->tokens);
  shares_[batch->profile].spent_ns += batch->charged_ns;
}

void BatchFormer::BatchEnded(const Batch& batch, Clock::duration spent) {
  const int64_t spent_ns = std::chrono::nanoseconds(spent).count();
  ProfileShare& share = shares_[batch.profile];
  if (!IsShadow(*batch.parts.front().job)) share.spent_ns += spent_ns - batch.charged_ns;
  const double ns_per_token = static_cast<double>(spent_ns) / static_cast<double>(std::max<size_t>(batch.tokens, 1));
  share.ns_per_token += kLearningRate * (ns_per_token - share.ns_per_token);
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

void BatchFormer::LetBulkIn(const BatchRequest& request) {
  bulk_.LetIn(
      request.idle_executors * options_.bulk_batch_tokens, request.now, waiting_,
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
  for (size_t i = 0; i < shares_.size(); ++i) {
    ns += static_cast<double>(waiting_.tokens_of()[i]) * shares_[i].ns_per_token;
  }
  return std::chrono::nanoseconds(static_cast<int64_t>(ns));
}

}  // namespace roberta::batching
