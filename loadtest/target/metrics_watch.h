#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"
#include "loadtest/target/metrics_page.h"

namespace roberta::loadtest::target {

/// The server's process as `page` reports it, `seconds` after the run began. InvalidArgument if the page is not
/// a roberta-server's, or has an impossible value.
absl::StatusOr<record::Resources::Sample> SampleOf(const MetricsPage& page, double seconds);

/// The growth of the counters from one page to a later one. InvalidArgument as above, FailedPrecondition if the server
/// was restarted between the two.
absl::StatusOr<record::ServerCounters> CountersBetween(const MetricsPage& before, const MetricsPage& after);

/// The time between two samples in a run of length `run`, if reading a page takes `page`: a quarter of a second; longer
/// in long runs, for at most 400 samples; and so long that the server spends at most 1 % of the time on pages.
std::chrono::nanoseconds SampleInterval(std::chrono::nanoseconds run, std::chrono::nanoseconds page);

/// Reads a server's metrics page while a run lasts, on a thread of its own.
class MetricsWatch {
 public:
  /// Reads the page of `address` ("host:port") for the first time: counters and seconds count from here. If that fails
  /// it is not read again, and Seen says why. `run`: the length of the run.
  MetricsWatch(std::string address, std::chrono::nanoseconds run);
  ~MetricsWatch();
  MetricsWatch(const MetricsWatch&) = delete;
  MetricsWatch& operator=(const MetricsWatch&) = delete;

  struct Seen {
    record::Resources resources;
    record::ServerCounters counters;
  };
  /// Reads the page for the last time, once the server has counted the calls in flight or after a second. Call once.
  Seen Stop();

 private:
  using Clock = std::chrono::steady_clock;

  void SampleUntilEnd();
  void Add(const absl::StatusOr<MetricsPage>& page);
  absl::StatusOr<MetricsPage> LastPage();
  void EndSampling();

  const std::string address_;
  const Clock::time_point asked_;
  const absl::StatusOr<MetricsPage> first_;
  const Clock::time_point start_;
  const std::chrono::nanoseconds interval_;
  record::Resources resources_;  ///< the thread's, while it runs
  std::mutex mutex_;
  std::condition_variable end_wanted_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace roberta::loadtest::target
