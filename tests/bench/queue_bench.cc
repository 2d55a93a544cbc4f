// What it costs to take a batch from a queue in which much waits: one-item jobs as short texts make them, each taken
// one replaced, so that as much waits all the time.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <latch>
#include <random>
#include <string_view>
#include <vector>

#include "server/batching/batch_queue.h"
#include "server/batching/executors.h"

namespace roberta::bench {
namespace {

using batching::BatchQueue;
using batching::Clock;
using batching::DataLoading;
using batching::Job;
using batching::LoadingStrategy;

/// Takes the processor, not the clock, for its time: what is taken from it by others shows.
class BusyBackend final : public batching::Backend {
 public:
  explicit BusyBackend(int64_t steps = 0) : steps_(steps) {}
  std::vector<absl::Status> Run(absl::Span<const int32_t>, absl::Span<const size_t> lengths, size_t, absl::Span<float>,
                                team::Team*) const override {
    volatile int64_t done = 0;
    while (done < steps_) done = done + 1;
    return std::vector<absl::Status>(lengths.size());
  }

 private:
  const int64_t steps_;
};

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Median and largest of some times.
void Print(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("  %-8s median %7.2f us   p99 %7.2f us   most %7.2f us\n", what, times[times.size() / 2],
              times[times.size() * 99 / 100], times.back());
}

class QueueUnderLoad {
 public:
  QueueUnderLoad(size_t profiles, const DataLoading& loading)
      : profiles_(profiles),
        queue_({.profiles = profiles,
                .capacity_items = 1 << 20,
                .capacity_tokens = 1 << 30,
                .loading = std::vector<DataLoading>(profiles, loading)}) {}

  void Push() {
    auto job = std::make_shared<Job>();
    job->profile = random_() % profiles_;
    job->priority = static_cast<call::Priority>(random_() % 3);
    job->deadline = Clock::now() + std::chrono::hours(1) + std::chrono::milliseconds(random_() % 100000);
    job->backend = backend_;
    job->lengths = {5 + random_() % 40};
    job->token_ids.resize(job->lengths[0]);
    job->outputs_per_item = 2;
    job->done = [](Job&) {};
    const auto start = Clock::now();
    queue_.Push(job);
    push_us_.push_back(MicrosecondsSince(start));
  }

  size_t TakeOne() {
    const auto start = Clock::now();
    const auto batch = queue_.TryTake(last_profile_);
    take_us_.push_back(MicrosecondsSince(start));
    last_profile_ = batch->profile;
    queue_.Complete(*batch, RunBatch(*batch, queue_.now()));
    return batch->items;
  }

  void Report() {
    Print("push", push_us_);
    Print("take", take_us_);
  }

 private:
  const size_t profiles_;
  std::mt19937 random_{1};
  std::shared_ptr<const batching::Backend> backend_ = std::make_shared<BusyBackend>();
  BatchQueue queue_;
  std::optional<size_t> last_profile_;
  std::vector<double> push_us_, take_us_;
};

void Measure(size_t profiles, LoadingStrategy strategy, size_t waiting, size_t batches) {
  QueueUnderLoad queue(profiles, {.strategy = strategy});
  size_t items = 0;
  for (size_t i = 0; i < waiting; ++i) queue.Push();
  for (size_t i = 0; i < batches; ++i) {
    const size_t taken = queue.TakeOne();
    items += taken;
    for (size_t k = 0; k < taken; ++k) queue.Push();
  }
  std::printf("%zu jobs wait, %zu profiles, %s, batches of %.0f items on average\n", waiting, profiles,
              batching::kLoadingStrategyNames[static_cast<size_t>(strategy)],
              static_cast<double>(items) / static_cast<double>(batches));
  queue.Report();
}

/// Milliseconds in which two executors run all jobs, at so many steps a batch.
double RunAll(size_t jobs, int64_t steps, bool prefetch) {
  BatchQueue queue(
      {.executors = 2, .capacity_items = jobs, .capacity_tokens = 1 << 30, .loading = {{.prefetch = prefetch}}});
  const auto backend = std::make_shared<BusyBackend>(steps);
  std::latch left(static_cast<std::ptrdiff_t>(jobs));
  for (size_t i = 0; i < jobs; ++i) {
    auto job = std::make_shared<Job>();
    job->backend = backend;
    job->lengths = {5 + i % 40};
    job->token_ids.resize(job->lengths[0]);
    job->outputs_per_item = 2;
    job->done = [&left](Job&) { left.count_down(); };
    queue.Push(job);
  }
  const auto start = Clock::now();
  const batching::Executors executors(&queue, 2);
  left.wait();
  return MicrosecondsSince(start) / 1000;
}

void MeasurePrefetch(size_t jobs) {
  for (const int64_t steps : {500'000, 20'000'000}) {
    double best[2] = {1e9, 1e9};
    for (int round = 0; round < (steps > 1'000'000 ? 3 : 9); ++round) {
      for (const bool prefetch : {false, true})
        best[prefetch] = std::min(best[prefetch], RunAll(jobs, steps, prefetch));
    }
    const double batches = static_cast<double>(jobs) / 83 / 2;
    std::printf("two executors, batches of about %.2f ms: with prefetch %.4f times the rate\n", best[0] / batches,
                best[0] / best[1]);
  }
}

}  // namespace
}  // namespace roberta::bench

int main(int argc, char** argv) {
  if (std::string_view(ROBERTA_BUILD_TYPE) != "Release") {
    std::fprintf(stderr, "queue_bench: this is a " ROBERTA_BUILD_TYPE " build: only Release's figures mean anything\n");
    return 1;
  }
  CLI::App app("Measures what taking a batch costs while much waits.", "queue_bench");
  size_t waiting = 16384, batches = 2000;
  app.add_option("--waiting", waiting, "Jobs that wait, one text each (16384)")->check(CLI::PositiveNumber);
  app.add_option("--batches", batches, "Batches to take (2000)")->check(CLI::PositiveNumber);
  bool prefetch = false;
  app.add_flag("--prefetch", prefetch, "Instead, what it is worth to form batches early");
  CLI11_PARSE(app, argc, argv);
  if (prefetch) {
    roberta::bench::MeasurePrefetch(waiting);
    return 0;
  }
  for (const size_t profiles : {1, 6}) {
    for (size_t strategy = 0; strategy < roberta::batching::kLoadingStrategyNames.size(); ++strategy) {
      roberta::bench::Measure(profiles, static_cast<roberta::batching::LoadingStrategy>(strategy), waiting, batches);
    }
  }
  return 0;
}
