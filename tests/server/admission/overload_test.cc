// A server in miniature under more calls than it can run: the real queue and the real predictor, executors and clock
// simulated, so that a minute passes in a moment and always in the same way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <queue>
#include <random>

#include "server/admission/wait_predictor.h"
#include "server/batching/batch_queue.h"
#include "tests/server/batching/puppet_job.h"

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;
using batching::Clock;

constexpr size_t kExecutors = 2;
constexpr double kOverheadNs = 300e3;
constexpr double kNsPerToken = 12e3;
constexpr size_t kMaxBatchTokens = 2048;

struct Scenario {
  double load = 3;  ///< calls that arrive, over what can run
  std::chrono::nanoseconds deadline = 1s;
  double seeded_ns_per_token = kNsPerToken;
  double jitter = 0.1;      ///< standard deviation of a batch's time, relative
  bool long_texts = false;  ///< one call of a hundred has 512 tokens
  bool priorities = false;  ///< a call in ten is low, another high
};

struct Books {
  size_t sent = 0, refused = 0, answered = 0, expired = 0;
  double answered_ns = 0;         ///< executors' time of what was answered in time before the end
  std::vector<double> latencies;  ///< of accepted calls, over the deadline; late ones count as late
};

class Simulation {
 public:
  explicit Simulation(const Scenario& scenario) : scenario_(scenario) {
    queue_.SeedCost(0, scenario.seeded_ns_per_token);
  }

  Books Run(std::chrono::nanoseconds duration) {
    const double mean_gap_ns = MeanTokens() * FullRateNs() / kExecutors / scenario_.load;
    std::exponential_distribution<double> gap(1 / mean_gap_ns);
    end_ = now_ + duration;
    Clock::time_point next_arrival = now_;
    while (now_ < end_ || !running_.empty()) {
      StartBatches();
      const bool arrives = next_arrival < end_ && (running_.empty() || next_arrival <= running_.top().end);
      if (arrives) {
        now_ = next_arrival;
        Arrive();
        next_arrival += std::chrono::nanoseconds(static_cast<int64_t>(gap(random_)));
      } else if (!running_.empty()) {
        EndBatch();
      } else {
        break;
      }
    }
    return std::move(books_);
  }

 private:
  struct Running {
    Clock::time_point end;
    batching::Batch batch;
    bool operator<(const Running& other) const { return end > other.end; }  // the earliest on top
  };

  double MeanTokens() const { return scenario_.long_texts ? 0.99 * 20 + 0.01 * 512 : 20; }
  static double FullRateNs() { return kNsPerToken + kOverheadNs / kMaxBatchTokens; }

  void Arrive() {
    ++books_.sent;
    const bool is_long = scenario_.long_texts && random_() % 100 == 0;
    const size_t tokens = is_long ? 512 : 10 + random_() % 21;
    const size_t dice = random_() % 10;
    const auto priority = static_cast<call::Priority>(!scenario_.priorities || dice > 1 ? 1 : dice * 2);
    const PendingCall call = {.priority = priority, .tokens = tokens};
    const Prediction prediction = predictor_.Predict(call, WaitPredictor::Behind::kAllAdmitted, now_);
    if (prediction.latest() > scenario_.deadline) {
      ++books_.refused;
      return;
    }
    const Reservation reservation = predictor_.Reserve(call, now_);
    auto job = batching::JobOf(backend_, 1, {tokens});
    job->priority = priority;
    job->deadline = now_ + scenario_.deadline;
    job->done = [this, call, prediction, arrived = now_](batching::Job& done) {
      Done(done, call, prediction, arrived);
    };
    ASSERT_EQ(queue_.Push(job), batching::PushResult::kTaken);
  }

  void Done(const batching::Job& job, const PendingCall& call, const Prediction& prediction,
            Clock::time_point arrived) {
    const auto took = now_ - arrived;
    books_.latencies.push_back(static_cast<double>(took.count()) / static_cast<double>(scenario_.deadline.count()));
    if (job.results[0].outcome == batching::Outcome::kExpired) {
      ++books_.expired;
      return predictor_.LearnExpiry(call, prediction, took, now_);
    }
    ++books_.answered;
    if (took <= scenario_.deadline && now_ <= end_)
      books_.answered_ns += static_cast<double>(call.tokens) * FullRateNs();
    predictor_.LearnError(call, prediction, took, now_);
  }

  void StartBatches() {
    while (running_.size() < kExecutors) {
      std::optional<batching::Batch> batch = queue_.TryTake(0);
      if (!batch) return;
      std::normal_distribution<double> jitter(1, scenario_.jitter);
      const double ns =
          (kOverheadNs + kNsPerToken * static_cast<double>(batch->tokens)) * std::max(0.5, jitter(random_));
      running_.push({now_ + std::chrono::nanoseconds(static_cast<int64_t>(ns)), *std::move(batch)});
    }
  }

  void EndBatch() {
    const Running ended = running_.top();
    running_.pop();
    now_ = ended.end;
    batching::BatchRun run = {.statuses = std::vector<absl::Status>(ended.batch.items), .started = ended.batch.taken};
    run.ended = now_;
    queue_.Complete(ended.batch, run);
  }

  const Scenario scenario_;
  std::mt19937_64 random_{1};
  Clock::time_point now_{1000s};
  Clock::time_point end_;
  WaitPredictor predictor_{
      1, {.executors = kExecutors, .policy = {.max_batch_tokens = kMaxBatchTokens, .long_item_tokens = 0}}};
  batching::BatchQueue queue_{
      {.profiles = 1, .executors = kExecutors, .now = [this] { return now_; }, .observer = &predictor_}};
  const std::shared_ptr<batching::PuppetBackend> backend_ = std::make_shared<batching::PuppetBackend>();
  std::priority_queue<Running> running_;
  Books books_;
};

double Percentile(std::vector<double> values, double share) {
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

/// Goodput over capacity.
double Goodput(const Books& books, std::chrono::nanoseconds duration) {
  return books.answered_ns / (static_cast<double>(duration.count()) * kExecutors);
}

constexpr auto kDuration = 30s;

TEST(Overload, EveryCallIsAnsweredRefusedOrExpired) {
  const Books books = Simulation({}).Run(kDuration);
  EXPECT_EQ(books.sent, books.refused + books.answered + books.expired);
  EXPECT_GT(books.refused, books.sent / 2);
}

TEST(Overload, GoodputIsNearlyAllTheCapacity) {
  EXPECT_GT(Goodput(Simulation({}).Run(kDuration), kDuration), 0.95);
}

TEST(Overload, AcceptedCallsEndInTime) {
  EXPECT_LT(Percentile(Simulation({}).Run(kDuration).latencies, 0.99), 1.0);
}

TEST(Overload, ShortDeadlinesAreKeptToo) {
  const Books books = Simulation({.deadline = 150ms}).Run(kDuration);
  EXPECT_GT(Goodput(books, kDuration), 0.93);
  EXPECT_LT(Percentile(books.latencies, 0.99), 1.0);
}

TEST(Overload, BatchesNearlyAsLongAsTheDeadlineDoNotMatter) {
  const Books books = Simulation({.deadline = 35ms}).Run(kDuration);  // a full batch takes 25 ms
  EXPECT_GT(Goodput(books, kDuration), 0.85);
  EXPECT_LT(Percentile(books.latencies, 0.99), 1.0);
}

TEST(Overload, AWrongSeedIsForgottenInTime) {
  for (const double wrong : {0.1, 10.0}) {
    const Books books = Simulation({.seeded_ns_per_token = wrong * kNsPerToken}).Run(kDuration);
    EXPECT_GT(Goodput(books, kDuration), 0.95) << wrong;
    EXPECT_LT(Percentile(books.latencies, 0.95), 1.0) << wrong;  // the first second has nothing to learn from
  }
}

TEST(Overload, BatchesOfUneasyDurationDoNotMatter) {
  const Books books = Simulation({.jitter = 0.4}).Run(kDuration);
  EXPECT_GT(Goodput(books, kDuration), 0.95);
  EXPECT_LT(Percentile(books.latencies, 0.99), 1.0);
}

TEST(Overload, LongTextsAmongShortOnesDoNotMatter) {
  const Books books = Simulation({.long_texts = true}).Run(kDuration);
  EXPECT_GT(Goodput(books, kDuration), 0.95);
  EXPECT_LT(Percentile(books.latencies, 0.99), 1.0);
}

TEST(Overload, CallsOfAllPrioritiesEndInTime) {
  const Books books = Simulation({.priorities = true}).Run(kDuration);
  EXPECT_GT(Goodput(books, kDuration), 0.95);
  EXPECT_LT(Percentile(books.latencies, 0.99), 1.0);
}

TEST(Overload, NothingIsRefusedBelowCapacity) {
  const Books books = Simulation({.load = 0.7}).Run(kDuration);
  EXPECT_EQ(books.refused, 0u);
  EXPECT_EQ(books.expired, 0u);
}

}  // namespace
}  // namespace roberta::admission
