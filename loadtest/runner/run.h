#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "client/direct_client.h"
#include "loadtest/runner/run_result.h"
#include "loadtest/runner/warm_up.h"
#include "loadtest/workload/arrivals.h"
#include "loadtest/workload/request_mix.h"

namespace roberta::loadtest::runner {

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
