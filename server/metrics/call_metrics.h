#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/call/call.h"
#include "server/http/server.h"
#include "server/metrics/families.h"
#include "server/sockets/acceptor.h"

namespace roberta::metrics {

inline constexpr size_t kCodes = 17;  ///< gRPC's status codes, 0 to 16; absl's numbers are the same

/// What the Classify calls that were given a profile come to.
template <typename Number>
struct Totals {
  Number succeeded = 0;
  Number succeeded_ns = 0;
  Number failed = 0;
  Number failed_ns = 0;
  std::array<Number, call::kPhases> phase_ns = {};  ///< of those that succeeded
  Number last_ms = 0;                               ///< when the last one succeeded, since 1970; 0: none did
};
using CallTotals = Totals<uint64_t>;

/// How calls end and how long they take: requests_total, request_failures_total, request_duration_seconds,
/// phase_duration_seconds, inflight_requests. Any thread may call.
///
/// Durations are split by profile only where the profile makes the difference: those of Classify calls, and of their
/// inference. The other durations have kAllProfiles as their profile.
class CallMetrics {
 public:
  /// The value of the label `reason` for a failure whose reason is not in the list.
  static constexpr char kOtherReason[] = "other";

  /// `failure_reasons` are the values of the label `reason`, without kOtherReason. `registry` must outlive this.
  CallMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles,
              const std::vector<std::string>& failure_reasons);

  struct EndInFlight {
    void operator()(prometheus::Gauge* gauge) const;
  };
  /// Counts a call as in flight until it is destroyed.
  using InFlight = std::unique_ptr<prometheus::Gauge, EndInFlight>;
  /// A Classify, ClassifyStream, Compare or Tokenize call has begun.
  [[nodiscard]] InFlight Started();

  struct End {
    call::Method method;
    std::string_view profile;  ///< empty if the call was given none
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string_view reason;  ///< of a failure; ignored if `code` is kOk
  };
  /// A call has ended, and took the time of `clock`.
  void Ended(const End& end, const call::PhaseClock& clock);
  /// A call that is of none of the methods has failed for that reason.
  void Failed(std::string_view reason);

  /// Zeros for a profile that is not in the list. Calls that end meanwhile may be in some of the numbers only.
  CallTotals TotalsOf(std::string_view profile) const;

  /// Calls of all methods so far.
  struct Count {
    uint64_t ended = 0;
    uint64_t faults = 0;  ///< of these, those that failed for overload, time, a stop or an error of the server
  };
  Count count() const { return {.ended = ended_, .faults = faults_}; }

 private:
  using SharedTotals = Totals<std::atomic<uint64_t>>;

  /// nullptr for a code that is not expected; its series is added when the first such call ends.
  using CountersByCode = std::array<prometheus::Counter*, kCodes>;

  struct Handles {
    std::array<CountersByCode, call::kMethods> requests = {};
    std::array<prometheus::Histogram*, call::kMethods> duration = {};
    std::array<prometheus::Histogram*, call::kPhases> phases = {};
    SharedTotals* totals = nullptr;
  };
  CountersByCode ExpectedRequests(call::Method method, const std::string& profile);
  prometheus::Counter& Requests(call::Method method, const std::string& profile, absl::StatusCode code);
  void CountRequest(const End& end, const Handles& handles);
  static void Add(const End& end, const call::PhaseClock& clock, SharedTotals* totals);

  prometheus::Family<prometheus::Counter>* requests_;
  std::deque<SharedTotals> totals_;  ///< of one profile after another, which `handles_` point to
  PerProfile<Handles> handles_;
  std::map<std::string, prometheus::Counter*, std::less<>> failures_;
  prometheus::Gauge* inflight_;
  std::atomic<uint64_t> ended_{0};
  std::atomic<uint64_t> faults_{0};
};

/// How the items of Classify calls end: items_total, input_tokens, truncated_items_total. Any thread may call.
class ItemMetrics {
 public:
  /// `registry` must outlive this.
  ItemMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles);

  /// The items of one call.
  struct Items {
    size_t answered = 0;
    size_t failed = 0;
    size_t truncated = 0;
    size_t tokens = 0;
  };
  void Count(std::string_view profile, const Items& items);

  /// Items that were answered by a profile so far.
  uint64_t Answered(std::string_view profile) const;

 private:
  struct Handles {
    prometheus::Counter* answered;
    prometheus::Counter* failed;
  };

  PerProfile<Handles> handles_;
  prometheus::Histogram* input_tokens_;
  prometheus::Counter* truncated_;
};

/// Calls of every service on the port as gRPC sees them, named after gRPC's proposal A66 (OpenTelemetry metrics):
/// grpc_server_call_started_total, grpc_server_call_duration_seconds and, so that the histogram need not be split by
/// status, grpc_server_call_ended_total. Any thread may call.
class RpcMetrics {
 public:
  /// The value of the label `grpc_method` for methods that are not in the list.
  static constexpr char kOtherMethod[] = "other";

  /// From the start there are series for `methods` ("roberta.v1.Classifier/Classify") and for `codes`, status codes
  /// from 0 to 16. Those of `methods_on_use`, by most of which most servers are never called, and of other codes appear
  /// when they occur. `registry` must outlive this.
  RpcMetrics(prometheus::Registry* registry, const std::vector<std::string>& methods,
             const std::vector<std::string>& methods_on_use, const std::vector<int>& codes);

  /// The series of one method.
  struct Method {
    std::string name = {};
    std::once_flag made = {};
    prometheus::Counter* started = nullptr;
    prometheus::Histogram* duration = nullptr;
    mutable std::array<std::atomic<prometheus::Counter*>, kCodes> ended = {};  ///< nullptr: not there yet
  };

  /// Counts the start of a call of `method`, which may have a slash in front. The result is for Ended.
  const Method& Started(std::string_view method);

  /// Counts the end of that call. A number that is no code counts as UNKNOWN.
  void Ended(const Method& method, int code, std::chrono::nanoseconds duration);

 private:
  Method* Add(const std::string& name);
  void Make(Method* method) const;
  prometheus::Counter* EndedWith(const Method& method, size_t code) const;

  prometheus::Family<prometheus::Counter>* started_;
  prometheus::Family<prometheus::Histogram>* duration_;
  prometheus::Family<prometheus::Counter>* ended_;
  std::map<std::string, Method, std::less<>> methods_;
  Method* other_;
};

/// Connections to the gRPC port and Unix socket: connections, connections_closed_total. Any thread may call.
class ConnectionMetrics {
 public:
  /// `registry` must outlive this.
  explicit ConnectionMetrics(prometheus::Registry* registry);

  void Set(size_t connections);
  void CountClosed(sockets::Closed reason);

 private:
  prometheus::Gauge* open_;
  std::array<prometheus::Counter*, std::size(sockets::kClosedNames)> closed_;
};

/// What the HTTP server of the API does, besides calls. Any thread may call.
class HttpMetrics {
 public:
  /// `registry` must outlive this.
  explicit HttpMetrics(prometheus::Registry* registry);

  void SetConnections(size_t connections);
  void CountResponse(unsigned status);
  void CountRefusal(http::Refusal reason);

 private:
  prometheus::Gauge* open_;
  std::array<prometheus::Counter*, 3> responses_;  ///< of status 2xx, 4xx and 5xx
  std::array<prometheus::Counter*, std::size(http::kRefusalNames)> refused_;
};

}  // namespace roberta::metrics
