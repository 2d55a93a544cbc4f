#include "server/batching/batch_policy.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace roberta::batching {
namespace {

constexpr int64_t kHighestLevel = static_cast<int64_t>(Priority::kHigh);

/// The share of a bucketed batch that may be padding: one in so many tokens.
constexpr size_t kBucketedPaddingShare = 4;

/// A batch may be more than efficient where an executor has so many such batches before it.
constexpr size_t kDeepQueueBatches = 4;

struct Candidate {
  size_t job;
  int64_t level;
};

int64_t LevelOf(const WaitingJob& job, const BatchRequest& request, const PolicyOptions& options) {
  const int64_t steps = (request.now - job.enqueued) / options.ageing_step;
  return std::min(kHighestLevel, static_cast<int64_t>(job.priority) + std::max<int64_t>(steps, 0));
}

/// [profiles]: whether the profile has a job at the highest level.
std::vector<bool> Competing(absl::Span<const WaitingJob> waiting, size_t profiles, const BatchRequest& request,
                            const PolicyOptions& options) {
  int64_t highest = 0;
  for (const WaitingJob& job : waiting) highest = std::max(highest, LevelOf(job, request, options));
  std::vector<bool> competing(profiles, false);
  for (const WaitingJob& job : waiting) {
    if (LevelOf(job, request, options) == highest) competing[job.profile] = true;
  }
  return competing;
}

bool IsLong(size_t length, const PolicyOptions& options) {
  return options.long_item_tokens > 0 && length >= options.long_item_tokens;
}

/// The jobs in the order of their turns.
std::vector<Candidate> InTurn(absl::Span<const WaitingJob> waiting, const BatchRequest& request,
                              const PolicyOptions& options) {
  std::vector<Candidate> candidates;
  candidates.reserve(waiting.size());
  for (size_t i = 0; i < waiting.size(); ++i) candidates.push_back({i, LevelOf(waiting[i], request, options)});
  std::ranges::stable_sort(candidates, [&](const Candidate& a, const Candidate& b) {
    const WaitingJob &first = waiting[a.job], &second = waiting[b.job];
    return first.place != second.place ? first.place < second.place : first.enqueued < second.enqueued;
  });
  std::array<int64_t, kPriorities> lowest;
  lowest.fill(kHighestLevel);
  for (Candidate& candidate : candidates) {
    int64_t& before = lowest[static_cast<size_t>(waiting[candidate.job].priority)];
    before = candidate.level = std::min(before, candidate.level);
  }
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::level);
  return candidates;
}

/// Keeps the jobs that may share a batch with the first one.
void KeepAlike(absl::Span<const WaitingJob> waiting, std::vector<Candidate>* candidates) {
  const Backend* const backend = waiting[candidates->front().job].backend;
  std::erase_if(*candidates, [&](const Candidate& candidate) { return waiting[candidate.job].backend != backend; });
}

/// A batch that grows item by item.
class GrowingBatch {
 public:
  GrowingBatch(bool is_padded, const TokenBudget& budget, const PolicyOptions& options)
      : is_padded_(is_padded), budget_(budget), options_(options) {}

  /// Whether an item of `length` fits; the first one always does.
  bool Fits(size_t length) const {
    return items_ == 0 || (tokens_ + length <= budget_.tokens && Cost(length) <= budget_.padded_tokens);
  }
  /// Whether an item of `length` is long, or short, as the others are.
  bool IsAlike(size_t length) const { return items_ == 0 || IsLong(length, options_) == is_long(); }
  bool is_long() const { return IsLong(longest_, options_); }
  /// Whether, with an item of `length`, little enough of the batch is padding.
  bool IsDense(size_t length) const {
    const size_t cost = Cost(length);
    return (cost - tokens_ - length) * kBucketedPaddingShare <= cost;
  }
  void Add(size_t length) {
    longest_ = std::max(longest_, length);
    tokens_ += length;
    ++items_;
  }
  size_t tokens() const { return tokens_; }
  size_t padded_length() const { return is_padded_ ? longest_ : 0; }

 private:
  size_t Cost(size_t length) const { return is_padded_ ? (items_ + 1) * std::max(longest_, length) : tokens_ + length; }

  const bool is_padded_;
  const TokenBudget budget_;
  const PolicyOptions& options_;
  size_t items_ = 0, tokens_ = 0, longest_ = 0;
};

/// Takes items in turn until one does not fit. A batch of short items skips long ones, but within a job the order
/// stays.
std::vector<Pick> FillInTurn(absl::Span<const WaitingJob> waiting, const std::vector<Candidate>& candidates,
                             GrowingBatch* batch) {
  std::vector<Pick> picks;
  for (const Candidate& candidate : candidates) {
    const absl::Span<const size_t> lengths = waiting[candidate.job].lengths;
    size_t items = 0;
    while (items < lengths.size() && batch->IsAlike(lengths[items]) && batch->Fits(lengths[items])) {
      batch->Add(lengths[items++]);
    }
    if (items > 0) picks.push_back({candidate.job, items});
    if (items == lengths.size()) continue;
    if (batch->is_long() || batch->IsAlike(lengths[items])) break;
  }
  return picks;
}

std::vector<Pick> FillByLength(absl::Span<const WaitingJob> waiting, std::vector<Candidate> candidates,
                               GrowingBatch* batch) {
  const auto length_of = [&](size_t job) { return waiting[job].lengths.front(); };
  const size_t wanted = length_of(candidates.front().job);
  const auto distance_of = [&](const Candidate& candidate) {
    const size_t length = length_of(candidate.job);
    return length > wanted ? length - wanted : wanted - length;
  };
  std::stable_sort(candidates.begin() + 1, candidates.end(), [&](const Candidate& a, const Candidate& b) {
    if (a.level != b.level) return a.level > b.level;
    return distance_of(a) < distance_of(b);
  });
  std::vector<Pick> picks;
  for (const Candidate& candidate : candidates) {
    const size_t length = length_of(candidate.job);
    if (!batch->IsAlike(length) || !batch->Fits(length) || !batch->IsDense(length)) continue;
    batch->Add(length);
    picks.push_back({candidate.job, 1});
  }
  std::ranges::stable_sort(picks, {}, [&](const Pick& pick) { return length_of(pick.job); });
  return picks;
}

BatchPlan Fill(absl::Span<const WaitingJob> waiting, std::vector<Candidate> candidates, LoadingStrategy strategy,
               const TokenBudget& budget, const PolicyOptions& options) {
  KeepAlike(waiting, &candidates);
  GrowingBatch batch(strategy != LoadingStrategy::kPacked, budget, options);
  BatchPlan plan;
  plan.picks = strategy == LoadingStrategy::kBucketed ? FillByLength(waiting, std::move(candidates), &batch)
                                                      : FillInTurn(waiting, candidates, &batch);
  plan.tokens = batch.tokens();
  plan.padded_length = batch.padded_length();
  return plan;
}

}  // namespace

std::optional<size_t> ChooseToHelp(absl::Span<const RunningBatch> running, size_t most_helpers) {
  std::optional<size_t> chosen;
  for (size_t i = 0; i < running.size(); ++i) {
    const RunningBatch& batch = running[i];
    if (batch.tokens == 0 || batch.helpers >= most_helpers) continue;
    // tokens / (1 + helpers), without rounding
    if (!chosen || batch.tokens * (1 + running[*chosen].helpers) > running[*chosen].tokens * (1 + batch.helpers)) {
      chosen = i;
    }
  }
  return chosen;
}

ProfileTurn NextProfile(absl::Span<const WaitingJob> oldest, absl::Span<const int64_t> spent_ns,
                        const BatchRequest& request, const PolicyOptions& options) {
  const size_t profiles = spent_ns.size();
  const std::vector<bool> competing = Competing(oldest, profiles, request, options);
  ProfileTurn turn = {.profile = profiles};
  for (size_t profile = 0; profile < profiles; ++profile) {
    if (!competing[profile]) continue;
    if (turn.profile == profiles || spent_ns[profile] < spent_ns[turn.profile]) turn.profile = profile;
  }
  const int64_t floor_ns = spent_ns[turn.profile];
  for (size_t profile = 0; profile < profiles; ++profile) {
    turn.spent_ns.push_back(competing[profile] ? spent_ns[profile] : std::max(spent_ns[profile], floor_ns));
  }
  const auto& last = request.last_profile;
  const bool may_stay = last && *last < profiles && competing[*last];
  if (may_stay && spent_ns[*last] - floor_ns <= options.switch_allowance.count()) turn.profile = *last;
  return turn;
}

size_t EfficientTokens(size_t measured, const DataLoading& loading, const PolicyOptions& options) {
  return loading.max_batch_tokens.value_or(std::min(measured, options.max_batch_tokens));
}

TokenBudget BudgetOf(size_t waiting_tokens, size_t efficient_tokens, const DataLoading& loading,
                     const BatchRequest& request, const PolicyOptions& options) {
  const size_t most = loading.max_batch_tokens.value_or(options.max_batch_tokens);
  const size_t even = (waiting_tokens + request.running_tokens + request.executors - 1) / request.executors;
  return {.tokens = even, .padded_tokens = std::min(most, std::max(efficient_tokens, even / kDeepQueueBatches))};
}

BatchPlan PlanBatch(absl::Span<const WaitingJob> waiting, const TokenBudget& budget, LoadingStrategy strategy,
                    const BatchRequest& request, const PolicyOptions& options) {
  return Fill(waiting, InTurn(waiting, request, options), strategy, budget, options);
}

bool MayBeOvertaken(const Job& job, size_t first_length, const PolicyOptions& options) {
  if (options.long_item_tokens == 0) return false;
  return IsLong(first_length, options) || job.bulk || job.priority == Priority::kShadow;
}

BatchPlan PlanOvertaking(absl::Span<const WaitingJob> waiting, const OvertakenBatch& running, TokenBudget budget,
                         LoadingStrategy strategy, const BatchRequest& request, const PolicyOptions& options) {
  const bool by_any = running.priority == Priority::kShadow;
  std::vector<Candidate> candidates = InTurn(waiting, request, options);
  std::erase_if(candidates, [&](const Candidate& candidate) {
    const WaitingJob& job = waiting[candidate.job];
    return job.bulk || IsLong(job.lengths.front(), options) ||
           !(by_any || candidate.level >= static_cast<int64_t>(running.priority));
  });
  if (candidates.empty() || running.tokens_left == 0) return {};
  budget.padded_tokens = std::min(budget.padded_tokens, running.tokens_left);
  return Fill(waiting, std::move(candidates), strategy, budget, options);
}

}  // namespace roberta::batching
