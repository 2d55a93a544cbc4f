#include "loadtest/runner/run.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <queue>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "loadtest/runner/ledger.h"

namespace roberta::loadtest::runner {

namespace {

// Lateness up to here cannot be told from the system's timers.
constexpr int64_t kHarmlessLatenessNs = 1'000'000;
constexpr double kHarmlessShareOfMedian = 0.1;
constexpr double kMostBusyShare = 0.9;
constexpr double kLeastSentShare = 0.98;

using Clock = std::chrono::steady_clock;

constexpr nanoseconds kGlance = std::chrono::milliseconds(50);  // between looks at stop requests and progress
constexpr nanoseconds kPauseAfterRefusal = std::chrono::milliseconds(10);

/// CPU time that this process has used, in user and kernel mode.
double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Cores that this process may run on.
int UsableCores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

class Execution {
 public:
  Execution(Plan plan, workload::RequestMix* mix, client::DirectClient* client)
      : plan_(std::move(plan)), mix_(*mix), client_(*client), ledger_(plan_, mix_.class_names()) {}

  RunResult Run(const std::function<bool()>& stop_requested, const std::function<void(const Progress&)>& on_progress) {
    prctl(PR_SET_TIMERSLACK, 1UL);  // of this thread: wake when asked to, not 50 us later
    start_ = Clock::now();
    stop_requested_ = &stop_requested;
    on_progress_ = &on_progress;
    if (plan_.arrivals) {
      DriveOpenLoop();
    } else {
      DriveClosedLoop();
    }
    return Conclude();
  }

 private:
  /// A request from the moment it is due.
  struct Due {
    int64_t intended_ns, ready_ns;
  };

  int64_t NowNs() const { return ToNs(Clock::now()); }
  int64_t ToNs(Clock::time_point time) const { return nanoseconds(time - start_).count(); }

  /// Waits until `ns` or as long as the run may go on; false if it may not.
  bool WaitUntil(int64_t ns) {
    while (true) {
      const int64_t now = NowNs();
      if (now >= next_glance_ns_ && !Glance(now)) return false;
      if (now >= ns || now >= ledger_.end_ns()) return true;
      std::this_thread::sleep_until(start_ + nanoseconds(std::min(ns, next_glance_ns_)));
    }
  }

  /// What has to be done now and then. False if the run must end.
  bool Glance(int64_t now) {
    next_glance_ns_ = now + kGlance.count();
    if (ledger_.warmed_up_at_ns() == Ledger::kStillWarmingUp) {
      next_glance_ns_ = std::min(next_glance_ns_, std::max(now + 1, plan_.warm_up.longest.count()));
      const std::lock_guard<std::mutex> lock(mutex_);
      now = NowNs();  // under the lock: no request was intended later
      ledger_.WatchWarmUp(now + 1);
    }
    const bool warming_up = now + 1 < ledger_.warmed_up_at_ns();
    if (!warming_up && !cpu_at_start_) cpu_at_start_ = CpuSeconds();
    (*on_progress_)({warming_up, nanoseconds(now), nanoseconds(ledger_.end_ns())});
    const bool stop = (*stop_requested_)();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stop) {
      end_ = End::kStopped;
    } else if (ledger_.ServerIsLost(now)) {
      end_ = End::kServerLost;
    }
    return end_ == End::kComplete;
  }

  void DriveOpenLoop() {
    while (true) {
      const std::optional<int64_t> due_ns = plan_.arrivals();
      if (!due_ns || *due_ns >= ledger_.end_ns()) break;
      if (!WaitUntil(*due_ns) || NowNs() >= ledger_.end_ns()) {
        CountUnsent(*due_ns);
        return;
      }
      int64_t ready_ns = *due_ns;
      if (!WaitForRoom(&ready_ns)) {
        CountUnsent(*due_ns);
        return;
      }
      Send({*due_ns, ready_ns});
    }
    WaitUntil(ledger_.end_ns());
  }

  /// Waits while too many requests are under way; then `*ready_ns` is when that was over. False if the run must end.
  bool WaitForRoom(int64_t* ready_ns) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (in_flight_ < plan_.max_in_flight) return true;
      ledger_.HoldBack();
    }
    while (true) {
      const int64_t now = NowNs();
      if (now >= ledger_.end_ns() || (now >= next_glance_ns_ && !Glance(now))) return false;
      std::unique_lock<std::mutex> lock(mutex_);
      room_or_idle_.wait_until(lock, start_ + nanoseconds(next_glance_ns_),
                               [this] { return in_flight_ < plan_.max_in_flight; });
      if (in_flight_ < plan_.max_in_flight) {
        *ready_ns = std::max(*ready_ns, room_since_ns_);
        return true;
      }
    }
  }

  /// Books what was still due, from `due_ns` on, when sending ended: up to now if that was wanted, else up to the end.
  void CountUnsent(int64_t due_ns) {
    const int64_t until_ns = std::min(ledger_.end_ns(), NowNs());
    for (std::optional<int64_t> due = due_ns; due && *due < until_ns; due = plan_.arrivals()) {
      unsent_ += *due >= ledger_.warmed_up_at_ns();
    }
  }

  void DriveClosedLoop() {
    for (size_t i = 0; i < plan_.concurrency; ++i) {
      const int64_t now = NowNs();
      Send({now, now});
    }
    while (NowNs() < ledger_.end_ns()) {
      std::optional<int64_t> next;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!pausing_.empty()) next = pausing_.top();
      }
      if (!WaitUntil(std::min(next.value_or(ledger_.end_ns()), NowNs() + kPauseAfterRefusal.count()))) break;
      SendAfterPauses();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }

  /// Lets those users go on whose pause is over.
  void SendAfterPauses() {
    while (true) {
      const int64_t now = NowNs();
      int64_t due = 0;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (pausing_.empty() || pausing_.top() > now || now >= ledger_.end_ns()) return;
        due = pausing_.top();
        pausing_.pop();
      }
      Send({due, due});
    }
  }

  void Send(Due due) {
    const workload::Request* request = nullptr;
    stats::Sample sample = {.intended_ns = due.intended_ns, .ready_ns = due.ready_ns};
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      request = &mix_.Next();
      ++in_flight_;
      sample.sent_ns = NowNs();
      ledger_.Send(due.intended_ns, sample.sent_ns, request->request_class);
    }
    client_.Start(request->wire, plan_.deadline,
                  [this, sample, request](client::Answer answer) { Receive(sample, *request, answer); });
  }

  void Receive(stats::Sample sample, const workload::Request& request, const client::Answer& answer) {
    sample.received_ns = ToNs(answer.received);
    sample.code = answer.status.code();
    if (answer.status.ok()) sample.response = &answer.response;
    if (Book(sample, request, answer.pushback)) Send({sample.received_ns, sample.received_ns});
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool was_full = in_flight_-- == plan_.max_in_flight;
    if (was_full) room_since_ns_ = NowNs();
    if (was_full || in_flight_ == 0) room_or_idle_.notify_all();  // under the lock: after it, this may be gone
  }

  /// Whether its user sends the next request at once.
  bool Book(const stats::Sample& sample, const workload::Request& request,
            std::optional<std::chrono::milliseconds> pushback) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ledger_.Finish(sample, request);
    if (plan_.arrivals || ending_ || sample.received_ns >= ledger_.end_ns()) return false;
    if (stats::OutcomeOf(sample.code) == stats::Outcome::kAnswered) return true;
    pausing_.push(sample.received_ns + std::max(nanoseconds(pushback.value_or(kZero)), kPauseAfterRefusal).count());
    return false;
  }

  RunResult Conclude() {
    const int64_t ended_ns = std::min(NowNs(), ledger_.end_ns());
    const double cpu_seconds = CpuSeconds() - cpu_at_start_.value_or(CpuSeconds());
    std::unique_lock<std::mutex> lock(mutex_);
    room_or_idle_.wait(lock, [this] { return in_flight_ == 0; });
    RunResult result = std::move(ledger_).Close(end_, ended_ns, unsent_);
    result.client_cpu_seconds = cpu_seconds;
    result.client_cores = UsableCores();
    return result;
  }

  static constexpr std::chrono::milliseconds kZero{0};

  Plan plan_;
  workload::RequestMix& mix_;  // guarded by mutex_
  client::DirectClient& client_;
  Ledger ledger_;  // guarded by mutex_, but for its two times on the thread that drives
  End end_ = End::kComplete;
  Clock::time_point start_;
  const std::function<bool()>* stop_requested_ = nullptr;
  const std::function<void(const Progress&)>* on_progress_ = nullptr;
  int64_t next_glance_ns_ = 0;
  std::optional<double> cpu_at_start_;
  int64_t unsent_ = 0;

  std::mutex mutex_;
  std::condition_variable room_or_idle_;
  size_t in_flight_ = 0;
  int64_t room_since_ns_ = 0;
  bool ending_ = false;
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> pausing_;  // when users go on, closed loop
};

}  // namespace

std::string_view EndName(End end) {
  constexpr std::string_view kNames[] = {"complete", "stopped", "server lost"};
  return kNames[static_cast<size_t>(end)];
}

stats::Tally RunResult::Total() const {
  stats::Tally total;
  for (const stats::Tally& one : classes) total.Merge(one);
  return total;
}

double RunResult::RatePerSecond(int64_t count_within) const {
  return measured_seconds > 0 ? static_cast<double>(count_within) / measured_seconds : 0;
}

absl::Status RunResult::CheckBooks() const {
  absl::Status status = warm_up.CheckBooks();
  for (const stats::Tally& one : classes) status.Update(one.CheckBooks());
  return status;
}

std::vector<std::string> RunResult::Faults() const {
  std::vector<std::string> faults;
  const stats::Tally total = Total();
  const int64_t lateness_ns = total.lateness.ValueAt(0.99);
  const int64_t median_ns = total.answered_from_intended.ValueAt(0.5);
  const auto harmless_ns = static_cast<int64_t>(kHarmlessShareOfMedian * static_cast<double>(median_ns));
  if (lateness_ns > std::max(kHarmlessLatenessNs, harmless_ns)) {
    faults.push_back(absl::StrFormat(
        "this program sent late: p99 of its lateness is %.3f ms, the median latency %.3f ms",
        static_cast<double>(lateness_ns) / stats::kNsPerMs, static_cast<double>(median_ns) / stats::kNsPerMs));
  }
  if (static_cast<double>(total.sent) < kLeastSentShare * static_cast<double>(intended)) {
    faults.push_back(absl::StrFormat("only %d of %d intended requests were sent", total.sent, intended));
  }
  const double busy = measured_seconds > 0 ? client_cpu_seconds / (measured_seconds * client_cores) : 0;
  if (busy > kMostBusyShare) {
    faults.push_back(absl::StrFormat("this program used %.0f %% of the %d cores it has", 100 * busy, client_cores));
  }
  return faults;
}

RunResult Execute(Plan plan, workload::RequestMix* mix, client::DirectClient* client,
                  const std::function<bool()>& stop_requested,
                  const std::function<void(const Progress&)>& on_progress) {
  return Execution(std::move(plan), mix, client).Run(stop_requested, on_progress);
}

}  // namespace roberta::loadtest::runner
