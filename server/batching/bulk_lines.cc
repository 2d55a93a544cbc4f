#include "server/batching/bulk_lines.h"

#include <algorithm>

namespace roberta::batching {

void BulkLines::Add(const JobPtr& job) {
  lines_[job->profile][static_cast<size_t>(job->priority)].push_back(job);
  ++jobs_;
}

void BulkLines::LetIn(size_t enough, Clock::time_point now, const WaitingItems& waiting,
                      absl::FunctionRef<void(const JobPtr&)> enter,
                      absl::FunctionRef<void(const JobPtr&, Outcome)> drop) {
  if (empty()) return;
  for (size_t profile = 0; profile < lines_.size(); ++profile) {
    for (size_t priority = 0; priority < kPriorities; ++priority) {
      Line& line = lines_[profile][priority];
      const size_t before = line.size();
      const auto dropped = std::stable_partition(
          line.begin(), line.end(), [&](const JobPtr& job) { return !IsCancelled(*job) && job->deadline > now; });
      for (auto job = dropped; job != line.end(); ++job) {
        drop(*job, IsCancelled(**job) ? Outcome::kCancelled : Outcome::kExpired);
      }
      line.erase(dropped, line.end());
      for (; !line.empty() && waiting.bulk_tokens_of()[profile][priority] < enough; line.pop_front()) {
        enter(line.front());
      }
      jobs_ -= before - line.size();
    }
  }
}

}  // namespace roberta::batching
