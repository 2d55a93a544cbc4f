#include "server/batching/batch.h"

#include <gtest/gtest.h>

#include <optional>

#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;

/// Adds up what is reported to an observer.
struct Sums final : QueueObserver {
  void Queued(const Job& job) override { waiting_tokens += job.token_ids.size(); }
  void Left(const BatchPart& part) override { waiting_tokens -= part.tokens; }
  void Started(const Batch& batch) override { running_tokens += batch.tokens; }
  void Ended(const Batch& batch, const BatchRun&) override { running_tokens -= batch.tokens; }

  size_t waiting_tokens = 0;
  size_t running_tokens = 0;
};

class QueueObserverTest : public testing::Test {
 protected:
  void Push(const std::vector<size_t>& lengths, Clock::duration time = 1h) {
    auto job = JobOf(backend_, 1, lengths);
    job->deadline = now_ + time;
    EXPECT_EQ(queue_.Push(job), PushResult::kTaken);
  }
  void Complete(const Batch& batch) { queue_.Complete(batch, RunBatch(batch, queue_.now())); }

  Clock::time_point now_{1000s};
  Sums sums_;
  std::shared_ptr<PuppetBackend> backend_ = std::make_shared<PuppetBackend>();
  BatchQueue queue_{{.profiles = 1,
                     .policy = {.max_batch_tokens = 10},
                     .loading = {{.prefetch = true}},
                     .now = [this] { return now_; },
                     .observer = &sums_}};
};

TEST_F(QueueObserverTest, HearsOfWorkFromItsPushToItsEnd) {
  Push({6, 6});
  EXPECT_EQ(sums_.waiting_tokens, 12u);
  const std::optional<Batch> first = queue_.TryTake(std::nullopt);
  EXPECT_EQ(sums_.waiting_tokens, 6u);
  EXPECT_EQ(sums_.running_tokens, 6u);
  const std::optional<Batch> second = queue_.TryTake(std::nullopt);
  EXPECT_EQ(sums_.waiting_tokens, 0u);
  EXPECT_EQ(sums_.running_tokens, 12u);
  Complete(*first);
  Complete(*second);
  EXPECT_EQ(sums_.running_tokens, 0u);
}

TEST_F(QueueObserverTest, HearsOfWhatExpires) {
  Push({6, 6}, 1s);
  now_ += 2s;
  EXPECT_FALSE(queue_.TryTake(std::nullopt).has_value());
  EXPECT_EQ(sums_.waiting_tokens, 0u);
  EXPECT_EQ(sums_.running_tokens, 0u);
}

TEST_F(QueueObserverTest, ABatchFormedEarlyWaitsUntilAnExecutorHasIt) {
  Push({10});
  Push({10});
  const std::optional<Batch> first = queue_.TryTake(std::nullopt);
  queue_.TryPrefetch();
  EXPECT_EQ(sums_.waiting_tokens, 10u);
  EXPECT_EQ(sums_.running_tokens, 10u);
  const std::optional<Batch> second = queue_.TryTake(std::nullopt);
  EXPECT_EQ(sums_.waiting_tokens, 0u);
  EXPECT_EQ(sums_.running_tokens, 20u);
  Complete(*first);
  Complete(*second);
}

TEST_F(QueueObserverTest, HearsOfWhatExpiresAfterItWasFormedEarly) {
  Push({10});
  Push({10}, 1s);
  const std::optional<Batch> first = queue_.TryTake(std::nullopt);
  queue_.TryPrefetch();
  now_ += 2s;
  EXPECT_FALSE(queue_.TryTake(std::nullopt).has_value());
  EXPECT_EQ(sums_.waiting_tokens, 0u);
  Complete(*first);
}

}  // namespace
}  // namespace roberta::batching
