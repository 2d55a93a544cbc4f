// Prediction assumes an order in which the queue runs what waits. Here the queue itself, with its policy, runs random
// work by a hand-driven clock, and each call that came last is to end when FinishNs says, but for what batches round
// off.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "server/admission/estimates.h"
#include "server/batching/batch_queue.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::admission {
namespace {

using batching::Clock;

/// The cost that the queue assumes of every profile before it has learned, so that what it charges is right at once.
constexpr int64_t kNsPerToken = 100'000;
constexpr size_t kMaxBatchTokens = 50;
constexpr double kBatchNs = kMaxBatchTokens * static_cast<double>(kNsPerToken);

struct Setting {
  size_t profiles;
  size_t executors;
  bool priorities;
};

/// Work that waits, and the call that comes last.
struct RandomWork {
  std::vector<PendingCall> waiting;
  PendingCall last;
};

RandomWork Draw(const Setting& setting, std::mt19937& random) {
  const auto draw = [&] {
    const auto priority =
        setting.priorities ? static_cast<call::Priority>(random() % call::kCallPriorities) : call::Priority::kNormal;
    return PendingCall{.profile = random() % setting.profiles, .priority = priority, .tokens = 1 + random() % 20};
  };
  RandomWork work;
  for (size_t i = 20 + random() % 100; i > 0; --i) work.waiting.push_back(draw());
  work.last = draw();
  return work;
}

/// The queue with executors that a loop plays: what each takes lasts as long as its tokens cost.
class PlayedQueue {
 public:
  PlayedQueue(const Setting& setting, const batching::PolicyOptions& policy)
      : setting_(setting),
        queue_({.profiles = setting.profiles,
                .executors = setting.executors,
                .policy = policy,
                .now = [this] { return now_; }}),
        running_(setting.executors),
        last_profile_(setting.executors) {}

  /// In nanoseconds from now, when the last item of `work.last` has run.
  double FinishOf(const RandomWork& work) {
    for (const PendingCall& call : work.waiting) Push(call, nullptr);
    std::optional<Clock::time_point> finish;
    Push(work.last, &finish);
    const Clock::time_point begin = now_;
    while (!finish) RunOn();
    return static_cast<double>(std::chrono::nanoseconds(*finish - begin).count());
  }

 private:
  struct Running {
    batching::Batch batch;
    Clock::time_point end;
  };

  void Push(const PendingCall& call, std::optional<Clock::time_point>* finish) {
    auto job = batching::JobOf(backends_[call.profile], 1, {call.tokens});
    job->profile = call.profile;
    job->priority = call.priority;
    job->done = [this, finish](batching::Job&) {
      if (finish != nullptr) *finish = now_;
    };
    ASSERT_EQ(queue_.Push(job), batching::PushResult::kTaken);
    now_ += std::chrono::nanoseconds(1);
  }

  /// Gives idle executors batches, and goes on to the end of the first one.
  void RunOn() {
    for (size_t i = 0; i < setting_.executors; ++i) {
      if (running_[i]) continue;
      auto batch = queue_.TryTake(last_profile_[i]);
      if (!batch) continue;
      last_profile_[i] = batch->profile;
      const auto end = now_ + std::chrono::nanoseconds(static_cast<int64_t>(batch->tokens) * kNsPerToken);
      running_[i] = Running{*std::move(batch), end};
    }
    const auto first = std::min_element(running_.begin(), running_.end(),
                                        [](const auto& a, const auto& b) { return a && (!b || a->end < b->end); });
    Running ended = *std::exchange(*first, std::nullopt);
    batching::BatchRun run = batching::RunBatch(ended.batch, queue_.now());
    run.started = ended.batch.taken;
    run.ended = now_ = ended.end;
    queue_.Complete(ended.batch, std::move(run));
  }

  const Setting setting_;
  Clock::time_point now_{std::chrono::seconds(1000)};
  batching::BatchQueue queue_;
  std::vector<std::optional<Running>> running_;
  std::vector<std::optional<size_t>> last_profile_;
  const std::vector<std::shared_ptr<const batching::Backend>> backends_ = {std::make_shared<batching::PuppetBackend>(),
                                                                           std::make_shared<batching::PuppetBackend>(),
                                                                           std::make_shared<batching::PuppetBackend>()};
};

double Predicted(const RandomWork& work, const Setting& setting, const Discipline& discipline) {
  std::vector<ProfileWork> profiles(setting.profiles);
  for (ProfileWork& profile : profiles) profile.cost.Seed(static_cast<double>(kNsPerToken));
  for (const PendingCall& call : work.waiting) {
    profiles[call.profile].tokens[static_cast<size_t>(call.priority)] += static_cast<double>(call.tokens);
  }
  return FinishNs(work.last, profiles, {}, discipline);
}

class DisciplineTest : public testing::TestWithParam<Setting> {};

TEST_P(DisciplineTest, TheQueueRunsWorkInTheOrderThatPredictionAssumes) {
  const Setting setting = GetParam();
  const batching::PolicyOptions policy = {.max_batch_tokens = kMaxBatchTokens,
                                          .switch_allowance = std::chrono::nanoseconds(0),
                                          .ageing_step = std::chrono::hours(1),
                                          .long_item_tokens = 0};
  const Discipline discipline = {.executors = setting.executors, .policy = policy};
  std::mt19937 random(1);
  constexpr int kRounds = 300;
  // Profiles take turns by whole batches, and what is less urgent fills the last one up.
  const double tolerance_ns = static_cast<double>(setting.profiles + 1) * kBatchNs;
  double sum_ns = 0;
  for (int round = 0; round < kRounds; ++round) {
    const RandomWork work = Draw(setting, random);
    const double predicted_ns = Predicted(work, setting, discipline);
    const double error_ns = PlayedQueue(setting, policy).FinishOf(work) - predicted_ns;
    EXPECT_NEAR(error_ns, 0, tolerance_ns) << "round " << round << ", predicted " << predicted_ns;
    sum_ns += error_ns;
  }
  EXPECT_NEAR(sum_ns / kRounds, 0, kBatchNs) << "the mean error";
}

INSTANTIATE_TEST_SUITE_P(Settings, DisciplineTest,
                         testing::Values(Setting{1, 1, false}, Setting{1, 1, true}, Setting{1, 2, true},
                                         Setting{2, 1, false}, Setting{2, 1, true}, Setting{3, 2, false},
                                         Setting{3, 2, true}));

}  // namespace
}  // namespace roberta::admission
