#include "loadtest/target/metrics_watch.h"
#include "profiles/errors/errors.h"

#include <algorithm>
#include <utility>

namespace roberta::loadtest::target {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadTimeout(2000);
constexpr milliseconds kShortestInterval(250);
constexpr int64_t kMostSamples = 400;
// Rendering a page takes the server some milliseconds of CPU if it has many series. Sampled too often, pages would
// show in the latencies that are measured.
constexpr int kSharePages = 100;
constexpr milliseconds kUntilBooked(1000);  // for the server to book calls whose answers are here already
constexpr milliseconds kBetweenLastReads(20);
constexpr double kMostExactCount = 9007199254740992;  // 2^53, up to which a double holds every whole number

constexpr char kInFlight[] = "roberta_inflight_requests";
constexpr char kStartTime[] = "process_start_time_seconds";

/// Takes values from a page, and remembers the first that there is not or that cannot be.
class Values {
 public:
  explicit Values(const MetricsPage& page) : page_(page) {}

  double Of(const char* name, const Labels& labels = {}) {
    const double value = page_.Sum(name, labels);
    return Check(name, value);
  }

  std::map<std::string, double> By(const char* label, const char* name) {
    std::map<std::string, double> sums = page_.SumsBy(label, name);
    for (auto& [key, value] : sums) value = Check(name, value);
    return sums;
  }

  const absl::Status& status() const { return status_; }

 private:
  double Check(const char* name, double value) {
    if (!page_.Has(name)) {
      status_.Update(errors::InvalidArgument("this is not the metrics page of a roberta-server: it has no ", name));
    } else if (!(value >= 0 && value <= kMostExactCount)) {
      status_.Update(errors::InvalidArgument(name, " is ", value));
    } else {
      return value;
    }
    return 0;
  }

  const MetricsPage& page_;
  absl::Status status_;
};

/// Counters since the server's start, as a record has them.
absl::StatusOr<record::ServerCounters> CountersOf(const MetricsPage& page) {
  const Labels classify = {{"method", "Classify"}};
  Values values(page);
  const auto count = [&](const char* name, const Labels& labels = {}) {
    return static_cast<int64_t>(values.Of(name, labels));
  };
  record::ServerCounters counters;
  counters.requests = count("roberta_requests_total", classify);
  counters.answered = count("roberta_requests_total", {{"method", "Classify"}, {"code", "OK"}});
  counters.request_seconds = values.Of("roberta_request_duration_seconds_sum", classify);
  counters.phase_seconds = values.By("phase", "roberta_phase_duration_seconds_sum");
  counters.batches = count("roberta_batches_total");
  counters.batch_items = count("roberta_batch_items_sum");
  counters.batch_tokens = count("roberta_batch_tokens_sum");
  counters.padding_ratio_sum = values.Of("roberta_batch_padding_ratio_sum");
  RETURN_IF_ERROR(values.status());
  return counters;
}

}  // namespace

absl::StatusOr<record::Resources::Sample> SampleOf(const MetricsPage& page, double seconds) {
  Values values(page);
  record::Resources::Sample sample;
  sample.seconds = seconds;
  sample.resident_bytes = static_cast<int64_t>(values.Of("process_resident_memory_bytes"));
  sample.cpu_seconds = values.Of("process_cpu_seconds_total");
  sample.queue_items = values.Of("roberta_queue_items");
  sample.inflight_requests = values.Of(kInFlight);
  RETURN_IF_ERROR(values.status());
  return sample;
}

absl::StatusOr<record::ServerCounters> CountersBetween(const MetricsPage& before, const MetricsPage& after) {
  using Counters = record::ServerCounters;
  ASSIGN_OR_RETURN(const Counters first, CountersOf(before));
  ASSIGN_OR_RETURN(Counters grown, CountersOf(after));
  for (int64_t Counters::*count : {&Counters::requests, &Counters::answered, &Counters::batches, &Counters::batch_items,
                                   &Counters::batch_tokens}) {
    grown.*count -= first.*count;
  }
  for (double Counters::*sum : {&Counters::request_seconds, &Counters::padding_ratio_sum}) grown.*sum -= first.*sum;
  for (auto& [phase, seconds] : grown.phase_seconds) {
    const auto found = first.phase_seconds.find(phase);
    if (found != first.phase_seconds.end()) seconds -= found->second;
  }
  const bool another = before.Sum(kStartTime) != after.Sum(kStartTime);
  if (another || grown.requests < 0 || grown.answered < 0 || grown.batches < 0) {
    return absl::FailedPreconditionError("the server was restarted during the run");
  }
  return grown;
}

std::chrono::nanoseconds SampleInterval(std::chrono::nanoseconds run, std::chrono::nanoseconds page) {
  return std::max<std::chrono::nanoseconds>({kShortestInterval, run / kMostSamples, page * kSharePages});
}

MetricsWatch::MetricsWatch(std::string address, std::chrono::nanoseconds run)
    : address_(std::move(address)),
      asked_(Clock::now()),
      first_(MetricsPage::Of(address_, kReadTimeout)),
      start_(Clock::now()),
      interval_(SampleInterval(run, start_ - asked_)) {
  Add(first_);
  if (resources_.missing.empty()) thread_ = std::thread([this] { SampleUntilEnd(); });
}

MetricsWatch::~MetricsWatch() {
  EndSampling();
}

void MetricsWatch::EndSampling() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  end_wanted_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void MetricsWatch::SampleUntilEnd() {
  auto due = start_ + interval_;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (end_wanted_.wait_until(lock, due, [this] { return ending_; })) return;
    }
    Add(MetricsPage::Of(address_, kReadTimeout));
    due = std::max(due + interval_, Clock::now());  // what was missed is not caught up
  }
}

void MetricsWatch::Add(const absl::StatusOr<MetricsPage>& page) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto sample = page.ok() ? SampleOf(*page, seconds) : page.status();
  if (sample.ok()) {
    resources_.samples.push_back(*sample);
  } else if (resources_.samples.empty()) {
    resources_.missing = std::string(sample.status().message());
  }
}

absl::StatusOr<MetricsPage> MetricsWatch::LastPage() {
  const auto end = Clock::now() + kUntilBooked;
  while (true) {
    absl::StatusOr<MetricsPage> page = MetricsPage::Of(address_, kReadTimeout);
    if (!page.ok() || page->Sum(kInFlight) == 0 || Clock::now() >= end) return page;
    std::this_thread::sleep_for(kBetweenLastReads);
  }
}

MetricsWatch::Seen MetricsWatch::Stop() {
  EndSampling();
  Seen seen;
  absl::StatusOr<record::ServerCounters> counters = absl::UnavailableError(resources_.missing);
  if (resources_.missing.empty()) {
    const absl::StatusOr<MetricsPage> last = LastPage();
    Add(last);
    counters = last.ok() ? CountersBetween(*first_, *last) : last.status();
  }
  if (counters.ok()) {
    seen.counters = *std::move(counters);
  } else {
    seen.counters.missing = std::string(counters.status().message());
  }
  seen.resources = std::move(resources_);
  return seen;
}

}  // namespace roberta::loadtest::target
