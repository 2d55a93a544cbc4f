#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/batching/job.h"
#include "server/batching/waiting_items.h"

namespace roberta::batching {

/// Where bulk work stands until an executor has use for it (see BatchQueue::PushBulk): a line for each profile and
/// priority. Not for several threads at once.
class BulkLines {
 public:
  using JobPtr = std::shared_ptr<Job>;

  explicit BulkLines(size_t profiles) : lines_(profiles) {}

  void Add(const JobPtr& job);
  bool empty() const { return jobs_ == 0; }

  /// Gives to `drop` what is cancelled or has no time left at `now`, wherever it stands; then to `enter`, which is to
  /// add it to `waiting`, the first jobs of each line, until as many tokens of bulk of that profile and priority wait
  /// there as are `enough`.
  void LetIn(size_t enough, Clock::time_point now, const WaitingItems& waiting,
             absl::FunctionRef<void(const JobPtr&)> enter, absl::FunctionRef<void(const JobPtr&, Outcome)> drop);

 private:
  using Line = std::deque<JobPtr>;

  std::vector<std::array<Line, kPriorities>> lines_;  ///< [profiles]
  size_t jobs_ = 0;
};

}  // namespace roberta::batching
