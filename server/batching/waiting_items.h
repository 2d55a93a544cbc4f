#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"
#include "server/batching/job.h"

namespace roberta::batching {

/// The items that wait, in the order of arrival for each profile and priority, so that what a batch costs to form
/// depends on what it holds and not on how much waits. Not for several threads at once.
class WaitingItems {
 public:
  explicit WaitingItems(size_t profiles);
  WaitingItems(const WaitingItems&) = delete;
  WaitingItems& operator=(const WaitingItems&) = delete;

  /// `one_by_one`: each item is taken by itself; else in the order in which they stand.
  void Add(const std::shared_ptr<Job>& job, Clock::time_point now, bool one_by_one);

  /// Takes out all of the jobs whose deadline is not after `now`.
  std::vector<BatchPart> TakeExpired(Clock::time_point now);
  /// Takes out what it finds cancelled: of the oldest of every profile and priority, and of a number of others, with
  /// every call the next ones, so that each is looked at again and again.
  std::vector<BatchPart> TakeCancelled();

  /// Consecutive items of a job that wait together.
  struct Entry {
    std::shared_ptr<Job> job;
    Clock::time_point enqueued;
    size_t next_item, end_item;
    size_t next_token, end_token;
    std::multimap<Clock::time_point, std::list<Entry>::iterator>::iterator expiry;  ///< unless it has no deadline
  };
  /// Some entries, and the same as the policy sees them. Valid until the next call of anything but TakeItems for
  /// another entry.
  struct Listed {
    std::vector<std::list<Entry>::iterator> entries;
    std::vector<WaitingJob> jobs;
  };
  /// Of every profile and priority the oldest.
  Listed Oldest();
  /// Of every priority of `profile` the oldest that are not cancelled, until these are `items` or have `tokens`.
  /// `*cancelled` grows by what was found cancelled and taken out.
  Listed Oldest(size_t profile, size_t items, size_t tokens, std::vector<BatchPart>* cancelled);

  /// Takes out the first `items` items of an entry, which is gone if that is all.
  BatchPart TakeItems(std::list<Entry>::iterator entry, size_t items);

  bool empty() const { return items_ == 0; }
  size_t items() const { return items_; }
  size_t tokens() const { return tokens_; }
  const std::vector<std::array<size_t, kPriorities>>& items_of() const { return items_of_; }  ///< [profiles]
  const std::vector<size_t>& tokens_of() const { return tokens_of_; }                         ///< [profiles]
  /// [profiles]: tokens of bulk work.
  const std::vector<std::array<size_t, kPriorities>>& bulk_tokens_of() const { return bulk_tokens_of_; }
  /// When the oldest came; `now` if nothing waits.
  Clock::time_point oldest(Clock::time_point now) const;

 private:
  using Lane = std::list<Entry>;  ///< of one profile and priority, the oldest first

  Lane& LaneOf(const Job& job) { return lanes_[job.profile * kPriorities + static_cast<size_t>(job.priority)]; }
  void AddEntry(Entry entry);
  BatchPart TakeAll(Lane::iterator entry);
  static void List(Lane::iterator entry, Listed* listed);

  std::vector<Lane> lanes_;  ///< [profiles * priorities]
  std::multimap<Clock::time_point, Lane::iterator> by_deadline_;
  size_t looked_at_lane_ = 0;      ///< where TakeCancelled goes on
  Lane::iterator looked_at_next_;  ///< in that lane; may be its end
  size_t items_ = 0, tokens_ = 0;
  std::vector<std::array<size_t, kPriorities>> items_of_;
  std::vector<size_t> tokens_of_;
  std::vector<std::array<size_t, kPriorities>> bulk_tokens_of_;
};

}  // namespace roberta::batching
