#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/batching/batch.h"
#include "server/batching/batch_policy.h"
#include "server/batching/caller_turns.h"

namespace roberta::batching {

/// The items that wait, for each profile and priority in the order of CallerTurns, of a single caller that of arrival,
/// so that the cost of forming a batch depends on its items and not on how many wait. Not thread-safe.
class WaitingItems {
 public:
  explicit WaitingItems(size_t profiles);
  WaitingItems(const WaitingItems&) = delete;
  WaitingItems& operator=(const WaitingItems&) = delete;

  /// `one_by_one`: each item can be taken by itself; else the items of the job are taken in their order.
  void Add(const std::shared_ptr<Job>& job, Clock::time_point now, bool one_by_one);

  /// Takes out all items of jobs whose deadline is not after `now`.
  std::vector<BatchPart> TakeExpired(Clock::time_point now);
  /// Takes out items of cancelled jobs, as far as it finds them: it looks at the oldest of each profile and priority
  /// and at a number of others, with every call the next ones, so that each job is looked at again and again.
  std::vector<BatchPart> TakeCancelled();

  /// Consecutive items of a job that wait together.
  struct Entry {
    std::shared_ptr<Job> job;
    Clock::time_point enqueued;
    size_t next_item, end_item;
    size_t next_token, end_token;
    std::multimap<Clock::time_point, std::multimap<CallerTurns::Place, Entry>::iterator>::iterator
        expiry;  ///< end() if it has no deadline
  };
  /// The entries of one profile and priority, by their places.
  using Lane = std::multimap<CallerTurns::Place, Entry>;
  /// Some entries, and what the policy sees of them. Valid until the next call of anything but TakeItems for another
  /// entry.
  struct Listed {
    std::vector<Lane::iterator> entries;
    std::vector<WaitingJob> jobs;
  };
  /// The first entry of each profile and priority.
  Listed Oldest();
  /// The first entries of each priority of `profile`, until they have `items` items or `tokens` tokens. Cancelled ones
  /// are taken out and added to `*cancelled` instead.
  Listed Oldest(size_t profile, size_t items, size_t tokens, std::vector<BatchPart>* cancelled);

  /// Takes out the first `items` items of an entry, to run now; an entry without items is removed.
  BatchPart TakeItems(Lane::iterator entry, size_t items);

  bool empty() const { return items_ == 0; }
  size_t items() const { return items_; }
  size_t tokens() const { return tokens_; }
  const std::vector<std::array<size_t, kPriorities>>& items_of() const { return items_of_; }  ///< [profiles]
  const std::vector<size_t>& tokens_of() const { return tokens_of_; }                         ///< [profiles]
  /// [profiles]: tokens of bulk work.
  const std::vector<std::array<size_t, kPriorities>>& bulk_tokens_of() const { return bulk_tokens_of_; }
  /// When the oldest item arrived; `now` if nothing waits.
  Clock::time_point oldest(Clock::time_point now) const;

 private:
  Lane& LaneOf(const Job& job) { return lanes_[job.profile * kPriorities + static_cast<size_t>(job.priority)]; }
  void AddEntry(Entry entry);
  BatchPart Take(Lane::iterator entry, size_t items);
  BatchPart TakeAll(Lane::iterator entry);
  static void List(Lane::iterator entry, Listed* listed);

  std::vector<Lane> lanes_;         ///< [profiles * priorities]
  std::vector<CallerTurns> turns_;  ///< [profiles]
  std::multimap<Clock::time_point, Lane::iterator> by_deadline_;
  size_t looked_at_lane_ = 0;      ///< where TakeCancelled continues
  Lane::iterator looked_at_next_;  ///< in that lane; may be its end
  size_t items_ = 0, tokens_ = 0;
  std::vector<std::array<size_t, kPriorities>> items_of_;
  std::vector<size_t> tokens_of_;
  std::vector<std::array<size_t, kPriorities>> bulk_tokens_of_;
};

/// Bulk work that is not in the queue proper until an executor needs it (see BatchQueue::PushBulk): a line for each
/// profile and priority, in which callers have their turns. Not thread-safe.
class BulkLines {
 public:
  using JobPtr = std::shared_ptr<Job>;

  explicit BulkLines(size_t profiles) : lines_(profiles) {}

  void Add(const JobPtr& job);
  bool empty() const { return jobs_ == 0; }

  /// Passes jobs that are cancelled or past their deadline at `now` to `drop`, wherever they are in their line. Then
  /// passes the first jobs of each line to `enter`, which must add them to `waiting`, until `enough` tokens of bulk
  /// work of that profile and priority wait there.
  void LetIn(size_t enough, Clock::time_point now, const WaitingItems& waiting,
             absl::FunctionRef<void(const JobPtr&)> enter, absl::FunctionRef<void(const JobPtr&, Outcome)> drop);

 private:
  struct Line {
    std::multimap<CallerTurns::Place, JobPtr> jobs;
    CallerTurns turns;
  };

  std::vector<std::array<Line, kPriorities>> lines_;  ///< [profiles]
  size_t jobs_ = 0;
};

}  // namespace roberta::batching
