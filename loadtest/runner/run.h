#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/direct_client.h"
#include "loadtest/stats/tally.h"
#include "loadtest/workload/workload.h"

namespace roberta::loadtest::runner {

/// How a warm-up ended.
enum class WarmUpEnd {
  kAsAsked,    ///< after the time that was asked for
  kSteady,     ///< when the rate of answers had become steady
  kNotSteady,  ///< after the longest time, or with the run, without that
};
std::string_view WarmUpEndName(WarmUpEnd end);  ///< "as asked", "steady", "not steady"

/// How long a run warms up: `longest`, or until the rate of answers is steady, if that comes first.
struct WarmUp {
  std::chrono::nanoseconds longest{0};
  std::chrono::nanoseconds window{0};  ///< of answers that are counted together; 0: warm up for `longest`
  bool UntilSteady() const { return window.count() > 0; }
};

/// Until steady, before a run of `duration`: at most as long as that and as half a minute, in windows of a tenth of
/// that, but not below 100 ms, of which timers and gusts of answers would make too much.
WarmUp WarmUpUntilSteady(std::chrono::nanoseconds duration);

/// An interval of a run. Requests that were sent in it, and those that ended in it.
struct Window {
  int64_t sent = 0;
  int64_t answered = 0, refused = 0, other = 0;
  stats::Histogram from_intended{2};  ///< ns, of the answered

  void Merge(const Window& next);
};

enum class End {
  kComplete,
  kStopped,     ///< the caller wanted it
  kServerLost,  ///< for `lost_after`, or for the whole of a shorter run, every request was UNAVAILABLE
};
std::string_view EndName(End end);  ///< "complete", "stopped", "server lost"

/// What a run measured. Requests belong to the measured time if they were intended within it; the warm-up before it is
/// booked apart.
struct RunResult {
  End end = End::kComplete;
  std::vector<std::string> class_names;
  std::vector<stats::Tally> classes;  ///< by class, measured time
  stats::Tally warm_up;               ///< all classes

  WarmUpEnd warm_up_end = WarmUpEnd::kAsAsked;
  double warm_up_seconds = 0;
  double measured_seconds = 0;
  /// Whatever ended within the measured time, whenever it was sent: what rates are made of.
  int64_t answered_within = 0, good_within = 0, items_within = 0, tokens_within = 0;

  int64_t intended = 0;   ///< requests that were due within the measured time; of a closed loop, as many as were sent
  int64_t held_back = 0;  ///< times that the limit on requests in flight delayed one, the warm-up's included
  /// By interval since the run began, the warm-up included. So that memory is bounded, an interval is as many seconds
  /// long, a power of two, as makes at most 400 of them.
  std::vector<Window> windows;
  int64_t window_seconds = 1;

  double client_cpu_seconds = 0;  ///< of this process in the measured time
  int client_cores = 0;           ///< that it may use

  stats::Tally Total() const;  ///< of the classes
  double RatePerSecond(int64_t count_within) const;
  /// Ok if the books of every class and of the warm-up balance.
  absl::Status CheckBooks() const;
  /// Why the figures are those of this program rather than the server's, a sentence each; empty: they are valid.
  std::vector<std::string> Faults() const;
};

using std::chrono::nanoseconds;

struct Plan {
  /// Open loop: requests are sent when these say, whatever the server does. Empty: closed loop.
  workload::Arrivals arrivals;
  /// Closed loop: users who each send the next request when they have the answer to the last one. A user who was not
  /// answered waits as long as the server asked for, else 10 ms.
  size_t concurrency = 1;
  WarmUp warm_up;
  nanoseconds duration{0};                    ///< after the warm-up; positive
  nanoseconds deadline{0};                    ///< of each request, from its actual send; positive
  nanoseconds objective{nanoseconds::max()};  ///< an answer is good that came within, from its intended send
  /// Open loop: requests that are due when so many are under way wait until one ends; latency from the intended send
  /// counts that, latency from the actual send does not.
  size_t max_in_flight = 20'000;
  nanoseconds lost_after{std::chrono::seconds(3)};
  /// Called with each answer to a request of the measured time, one at a time, on threads of the client: it must be
  /// quick. May be empty.
  std::function<void(const workload::Request&, const v1::ClassifyResponse&)> on_answer;
};

/// How far a run is, warm-up included.
struct Progress {
  bool warming_up = false;
  nanoseconds elapsed{0};
  nanoseconds total{0};  ///< at most, while a warm-up until steady goes on
};

/// Sends requests of `mix` through `client` as `plan` says, and waits until every one of them has ended. Blocks;
/// `stop_requested` and `on_progress` are called on this thread some twenty times a second. After a stop no more is
/// sent, and what is under way still ends by itself.
RunResult Execute(Plan plan, workload::RequestMix* mix, client::DirectClient* client,
                  const std::function<bool()>& stop_requested, const std::function<void(const Progress&)>& on_progress);

}  // namespace roberta::loadtest::runner
