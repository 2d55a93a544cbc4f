#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "server/batching/batch_queue.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {

/// A queue whose clock and whose only executor the test drives by hand. Profile 0 gets its batches as `loading` says.
class BatchQueueTest : public testing::Test {
 protected:
  explicit BatchQueueTest(const DataLoading& loading = {}) : queue_(OptionsOf(loading)) {}

  BatchQueueOptions OptionsOf(const DataLoading& loading) {
    return {.profiles = 2,
            .capacity_items = 10,
            .capacity_tokens = 30,
            .bulk_batch_tokens = 8,
            .policy = {.max_batch_tokens = 10, .max_shadow_tokens = 6, .switch_allowance = std::chrono::nanoseconds(0)},
            .loading = {loading},
            .now = [this] { return now_; }};
  }
  /// Takes and runs one batch, which lasts for `duration`; false if there was none.
  bool RunOne(Clock::duration duration = std::chrono::milliseconds(1)) {
    const std::optional<Batch> batch = queue_.TryTake(std::nullopt);
    if (!batch) return false;
    BatchRun run = RunBatch(*batch, queue_.now());
    now_ += duration;
    run.ended = now_;
    queue_.Complete(*batch, run);
    return true;
  }
  std::shared_ptr<Job> Push(int32_t name, const std::vector<size_t>& lengths,
                            Clock::time_point deadline = Clock::time_point::max()) {
    auto job = JobOf(backend_, name, lengths);
    job->deadline = deadline;
    job->done = [this](Job& done) { ++done_[&done]; };
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
    return job;
  }

  std::shared_ptr<Job> PushBulk(int32_t name, const std::vector<size_t>& lengths, Priority priority = Priority::kNormal,
                                size_t profile = 0) {
    auto job = JobOf(backend_, name, lengths);
    job->priority = priority;
    job->profile = profile;
    job->done = [this](Job& done) { ++done_[&done]; };
    EXPECT_EQ(queue_.PushBulk(job), PushResult::kTaken);
    return job;
  }

  Clock::time_point now_{std::chrono::seconds(1000)};
  std::shared_ptr<PuppetBackend> backend_ = std::make_shared<PuppetBackend>();
  std::map<const Job*, int> done_;
  BatchQueue queue_;
};

}  // namespace roberta::batching
