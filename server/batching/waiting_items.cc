#include "server/batching/waiting_items.h"

#include <algorithm>
#include <utility>

namespace roberta::batching {
namespace {

/// TakeCancelled looks at so many entries per call: that takes some microseconds, and the items of a client that has
/// gone stay for no more than a few batches, even in a long queue.
constexpr size_t kLooksForCancelled = 256;

}  // namespace

WaitingItems::WaitingItems(size_t profiles)
    : lanes_(profiles * kPriorities),
      turns_(profiles),
      looked_at_next_(lanes_.front().end()),
      items_of_(profiles),
      tokens_of_(profiles),
      bulk_tokens_of_(profiles) {}

void WaitingItems::Add(const std::shared_ptr<Job>& job, Clock::time_point now, bool one_by_one) {
  items_of_[job->profile][static_cast<size_t>(job->priority)] += job->lengths.size();
  tokens_of_[job->profile] += job->token_ids.size();
  if (job->bulk) bulk_tokens_of_[job->profile][static_cast<size_t>(job->priority)] += job->token_ids.size();
  items_ += job->lengths.size();
  tokens_ += job->token_ids.size();
  if (!one_by_one) return AddEntry({job, now, 0, job->lengths.size(), 0, job->token_ids.size(), {}});
  size_t token = 0;
  for (size_t i = 0; i < job->lengths.size(); ++i) {
    const size_t end = token + job->lengths[i];
    AddEntry({job, now, i, i + 1, token, end, {}});
    token = end;
  }
}

void WaitingItems::AddEntry(Entry entry) {
  const Clock::time_point deadline = entry.job->deadline;
  Lane& lane = LaneOf(*entry.job);
  const CallerTurns::Place place =
      turns_[entry.job->profile].Enter(entry.job->caller, entry.end_token - entry.next_token);
  const auto added = lane.emplace_hint(lane.end(), place, std::move(entry));
  added->second.expiry =
      deadline == Clock::time_point::max() ? by_deadline_.end() : by_deadline_.emplace(deadline, added);
}

BatchPart WaitingItems::TakeItems(Lane::iterator entry, size_t items) {
  turns_[entry->second.job->profile].Run(entry->first);
  return Take(entry, items);
}

BatchPart WaitingItems::Take(Lane::iterator at, size_t items) {
  Entry& entry = at->second;
  const std::shared_ptr<Job> job = entry.job;
  BatchPart part = {job, entry.next_item, items, entry.next_token, 0};
  for (size_t i = 0; i < items; ++i) part.tokens += job->lengths[part.first_item + i];
  entry.next_item += items;
  entry.next_token += part.tokens;
  items_of_[job->profile][static_cast<size_t>(job->priority)] -= items;
  tokens_of_[job->profile] -= part.tokens;
  if (job->bulk) bulk_tokens_of_[job->profile][static_cast<size_t>(job->priority)] -= part.tokens;
  items_ -= items;
  tokens_ -= part.tokens;
  if (at == looked_at_next_) ++looked_at_next_;
  Lane& lane = LaneOf(*job);
  if (entry.next_item == entry.end_item) {
    if (entry.expiry != by_deadline_.end()) by_deadline_.erase(entry.expiry);
    lane.erase(at);
    turns_[job->profile].Leave(job->caller);
  } else {  // the rest has its turn after the others that are next
    auto node = lane.extract(at);
    node.key() += part.tokens;
    const auto moved = lane.insert(std::move(node));
    if (moved->second.expiry != by_deadline_.end()) moved->second.expiry->second = moved;
  }
  return part;
}

BatchPart WaitingItems::TakeAll(Lane::iterator entry) {
  return Take(entry, entry->second.end_item - entry->second.next_item);
}

std::vector<BatchPart> WaitingItems::TakeExpired(Clock::time_point now) {
  std::vector<BatchPart> expired;
  while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
    expired.push_back(TakeAll(by_deadline_.begin()->second));
  }
  return expired;
}

std::vector<BatchPart> WaitingItems::TakeCancelled() {
  std::vector<BatchPart> cancelled;
  for (Lane& lane : lanes_) {
    while (!lane.empty() && IsCancelled(*lane.begin()->second.job)) cancelled.push_back(TakeAll(lane.begin()));
  }
  size_t lanes_ended = 0;
  for (size_t looks = 0; looks < kLooksForCancelled && lanes_ended <= lanes_.size();) {
    if (looked_at_next_ == lanes_[looked_at_lane_].end()) {
      looked_at_lane_ = (looked_at_lane_ + 1) % lanes_.size();
      looked_at_next_ = lanes_[looked_at_lane_].begin();
      ++lanes_ended;
      continue;
    }
    const auto entry = looked_at_next_++;
    if (IsCancelled(*entry->second.job)) cancelled.push_back(TakeAll(entry));
    ++looks;
  }
  return cancelled;
}

void WaitingItems::List(Lane::iterator at, Listed* listed) {
  const Entry& entry = at->second;
  const Job& job = *entry.job;
  listed->entries.push_back(at);
  listed->jobs.push_back({job.profile, job.backend.get(), job.priority, job.bulk, at->first, entry.enqueued,
                          absl::MakeConstSpan(job.lengths).subspan(entry.next_item, entry.end_item - entry.next_item)});
}

WaitingItems::Listed WaitingItems::Oldest() {
  Listed listed;
  for (Lane& lane : lanes_) {
    if (!lane.empty()) List(lane.begin(), &listed);
  }
  return listed;
}

WaitingItems::Listed WaitingItems::Oldest(size_t profile, size_t items, size_t tokens,
                                          std::vector<BatchPart>* cancelled) {
  Listed listed;
  for (size_t i = profile * kPriorities; i < (profile + 1) * kPriorities; ++i) {
    size_t listed_items = 0, listed_tokens = 0;
    for (auto next = lanes_[i].begin(); next != lanes_[i].end() && listed_items < items && listed_tokens < tokens;) {
      const auto at = next++;
      const Entry& entry = at->second;
      if (IsCancelled(*entry.job)) {
        cancelled->push_back(TakeAll(at));
        continue;
      }
      listed_items += entry.end_item - entry.next_item;
      listed_tokens += entry.end_token - entry.next_token;
      List(at, &listed);
    }
  }
  return listed;
}

Clock::time_point WaitingItems::oldest(Clock::time_point now) const {
  Clock::time_point oldest = now;
  for (const Lane& lane : lanes_) {
    for (const auto& [place, entry] : lane) oldest = std::min(oldest, entry.enqueued);
  }
  return oldest;
}

void BulkLines::Add(const JobPtr& job) {
  Line& line = lines_[job->profile][static_cast<size_t>(job->priority)];
  line.jobs.emplace(line.turns.Enter(job->caller, job->token_ids.size()), job);
  ++jobs_;
}

void BulkLines::LetIn(size_t enough, Clock::time_point now, const WaitingItems& waiting,
                      absl::FunctionRef<void(const JobPtr&)> enter,
                      absl::FunctionRef<void(const JobPtr&, Outcome)> drop) {
  if (empty()) return;
  for (size_t profile = 0; profile < lines_.size(); ++profile) {
    for (size_t priority = 0; priority < kPriorities; ++priority) {
      Line& line = lines_[profile][priority];
      const size_t before = line.jobs.size();
      std::erase_if(line.jobs, [&](const auto& place_and_job) {
        const JobPtr& job = place_and_job.second;
        if (!IsCancelled(*job) && job->deadline > now) return false;
        drop(job, IsCancelled(*job) ? Outcome::kCancelled : Outcome::kExpired);
        line.turns.Leave(job->caller);
        return true;
      });
      while (!line.jobs.empty() && waiting.bulk_tokens_of()[profile][priority] < enough) {
        const auto& [place, job] = *line.jobs.begin();
        enter(job);
        line.turns.Run(place);
        line.turns.Leave(job->caller);
        line.jobs.erase(line.jobs.begin());
      }
      jobs_ -= before - line.jobs.size();
    }
  }
}

}  // namespace roberta::batching
