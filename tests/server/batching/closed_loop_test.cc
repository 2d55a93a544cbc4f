// Callers who each send a text and send the next one when the answer has come: executors and clock are simulated, so
// that a minute passes in a moment and always in the same way. The rule of before, by which an executor takes what
// waits, all of it unless others are idle, runs beside today's, so that each can be seen to be better where it should.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "server/batching/batch_policy.h"

namespace roberta::batching {
namespace {

constexpr int64_t kNsPerToken = 14'000;         // of the demo model's int8 profile
constexpr int64_t kFixedNs = 20 * kNsPerToken;  // of a batch
/// Of such batches: 97 % of the rate of endless ones.
constexpr size_t kEfficient = 640;
constexpr size_t kAnswers = 12'000, kWarmUp = 2'000;

enum class Rule { kWhatWaits, kEvenPart };

struct Figures {
  double rate = 0;  ///< tokens, of what executors that never idle and run endless batches would do
  double p50 = 0, p95 = 0;
  double tail() const { return p95 / p50; }
};

class ClosedLoop {
 public:
  ClosedLoop(Rule rule, size_t callers, size_t executors) : rule_(rule), executors_(executors), idle_(executors) {
    for (size_t i = 0; i < callers; ++i) arrivals_.push(static_cast<int64_t>(random_() % 1'000'000));
  }

  Figures Run() {
    while (latencies_.size() < kAnswers) {
      const bool arrives = running_.empty() || (!arrivals_.empty() && arrivals_.top() <= running_.top().end);
      if (arrives) {
        now_ = arrivals_.top();
        arrivals_.pop();
        waiting_.emplace_back(now_, 5 + random_() % 36);
        waiting_tokens_ += waiting_.back().second;
      } else {
        EndBatch();
      }
      while (idle_ > 0 && !waiting_.empty()) StartBatch();
    }
    std::vector<int64_t> steady(latencies_.begin() + kWarmUp, latencies_.end());
    std::ranges::sort(steady);
    const auto at = [&](double share) {
      return static_cast<double>(steady[static_cast<size_t>(share * static_cast<double>(steady.size() - 1))]);
    };
    const double token_ns = static_cast<double>(now_ - steady_since_) / static_cast<double>(steady_tokens_);
    return {kNsPerToken / token_ns / static_cast<double>(executors_), at(0.5), at(0.95)};
  }

 private:
  using Item = std::pair<int64_t, size_t>;  // when it arrived, tokens
  struct Running {
    int64_t end;
    size_t tokens;
    std::vector<int64_t> arrived;
    bool operator<(const Running& other) const { return end > other.end; }  // the earliest on top
  };

  void StartBatch() {
    std::vector<size_t> lengths;
    for (const Item& item : waiting_) lengths.push_back(item.second);
    std::vector<WaitingJob> jobs;
    for (size_t i = 0; i < lengths.size(); ++i) {
      jobs.push_back({.place = i, .lengths = absl::MakeConstSpan(lengths).subspan(i, 1)});
    }
    const PolicyOptions options;
    const BatchRequest request = {.executors = rule_ == Rule::kEvenPart ? executors_ : idle_,
                                  .running_tokens = rule_ == Rule::kEvenPart ? running_tokens_ : 0};
    const size_t efficient = rule_ == Rule::kEvenPart ? kEfficient : options.max_batch_tokens;
    const TokenBudget budget = BudgetOf(waiting_tokens_, efficient, {}, request, options);
    const BatchPlan plan = PlanBatch(jobs, budget, LoadingStrategy::kPacked, request, options);
    Running batch = {now_ + kFixedNs + static_cast<int64_t>(plan.tokens) * kNsPerToken, plan.tokens, {}};
    for (size_t i = 0; i < plan.picks.size(); ++i, waiting_.pop_front())
      batch.arrived.push_back(waiting_.front().first);
    waiting_tokens_ -= plan.tokens;
    running_tokens_ += plan.tokens;
    --idle_;
    running_.push(std::move(batch));
  }

  void EndBatch() {
    const Running batch = running_.top();
    running_.pop();
    ++idle_;
    now_ = batch.end;
    running_tokens_ -= batch.tokens;
    if (steady_since_ > 0) steady_tokens_ += batch.tokens;
    for (const int64_t arrived : batch.arrived) {
      latencies_.push_back(now_ - arrived);
      if (latencies_.size() == kWarmUp) steady_since_ = now_;
      arrivals_.push(now_ + 200'000 +
                     static_cast<int64_t>(random_() % 200'000));  // the answer and the next text travel
    }
  }

  const Rule rule_;
  const size_t executors_;
  std::mt19937 random_{1};
  int64_t now_ = 0, steady_since_ = 0;
  size_t idle_, waiting_tokens_ = 0, running_tokens_ = 0, steady_tokens_ = 0;
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> arrivals_;
  std::deque<Item> waiting_;
  std::priority_queue<Running> running_;
  std::vector<int64_t> latencies_;
};

struct Loop {
  size_t callers, executors;
};

class ClosedLoopTest : public testing::TestWithParam<Loop> {};

TEST_P(ClosedLoopTest, EvenPartsLoseNoRateAndTheSlowWaitHardlyLongerThanTheUsual) {
  const auto [callers, executors] = GetParam();
  const Figures before = ClosedLoop(Rule::kWhatWaits, callers, executors).Run();
  const Figures now = ClosedLoop(Rule::kEvenPart, callers, executors).Run();
  const auto text = [](const Figures& f) {
    return std::to_string(f.rate) + " of the rate, p50 " + std::to_string(f.p50 / 1e6) + " ms, p95 " +
           std::to_string(f.p95 / 1e6) + " ms";
  };
  const std::string both = "before: " + text(before) + "; now: " + text(now);
  RecordProperty("figures", both);
  EXPECT_GE(now.rate, 0.985 * before.rate) << both;
  EXPECT_LE(now.tail(), 1.45) << both;
  EXPECT_LE(now.p95, 1.02 * before.p95) << both;
}

INSTANTIATE_TEST_SUITE_P(Loops, ClosedLoopTest,
                         testing::Values(Loop{1, 2}, Loop{2, 2}, Loop{8, 2}, Loop{32, 2}, Loop{128, 2}, Loop{1024, 2},
                                         Loop{1, 16}, Loop{2, 16}, Loop{8, 16}, Loop{32, 16}, Loop{128, 16},
                                         Loop{1024, 16}),
                         [](const auto& loop) {
                           return std::to_string(loop.param.callers) + "CallersOn" +
                                  std::to_string(loop.param.executors);
                         });

TEST(ClosedLoop, BatchesOfWhatWaitsBecomeSmallOnOneExecutorAndLargeOnTheOther) {
  const Figures before = ClosedLoop(Rule::kWhatWaits, 32, 2).Run();
  const Figures now = ClosedLoop(Rule::kEvenPart, 32, 2).Run();
  EXPECT_GT(before.tail(), 1.6);
  EXPECT_GT(now.rate, 1.05 * before.rate);
  EXPECT_LT(now.p95, 0.75 * before.p95);
}

}  // namespace
}  // namespace roberta::batching
