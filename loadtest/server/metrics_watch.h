#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "loadtest/record/run_record.h"
#include "loadtest/server/metrics_page.h"

namespace roberta::server {

/// The server's process as `page` tells it, `seconds` after the run began. InvalidArgument for a page that is no
/// roberta-server's, or has a value that none can be.
absl::StatusOr<record::Resources::Sample> SampleOf(const MetricsPage& page, double seconds);

/// What the counters grew by from one page to a later one. InvalidArgument as above, FailedPrecondition if the server
/// was started anew between the two.
absl::StatusOr<record::ServerCounters> CountersBetween(const MetricsPage& before, const MetricsPage& after);

/// Between two samples of a run that takes `run`, where a page takes `page`: a quarter of a second, but of long runs as
/// much as makes 400 samples, and always so much that the server makes pages for at most a hundredth of the time.
std::chrono::nanoseconds SampleInterval(std::chrono::nanoseconds run, std::chrono::nanoseconds page);

/// Reads a server's metrics page while a run lasts, on a thread of its own.
class MetricsWatch {
 public:
  /// Reads the page of `address` ("host:port") a first time: counters and seconds count from here. A page that cannot
  /// be read is not asked for again, and Seen says why. `run`: as long as the run will take.
  MetricsWatch(std::string address, std::chrono::nanoseconds run);
  ~MetricsWatch();
  MetricsWatch(const MetricsWatch&) = delete;
  MetricsWatch& operator=(const MetricsWatch&) = delete;

  struct Seen {
    record::Resources resources;
    record::ServerCounters counters;
  };
  /// Reads it a last time, when the server has booked what was under way or after a second. Once.
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

}  // namespace roberta::server
