#include "server/metrics/call_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <algorithm>

namespace roberta::metrics {

using call::kMethods;
using call::kPhases;
using call::Method;
using call::Phase;

namespace {

using absl::StatusCode;

constexpr auto kClassify = static_cast<size_t>(Method::kClassify);
constexpr auto kInfer = static_cast<size_t>(Phase::kInfer);

/// Of a code with which calls end: whether another server might have answered.
bool IsFault(StatusCode code) {
  using enum StatusCode;
  return code == kResourceExhausted || code == kUnavailable || code == kDeadlineExceeded || code == kInternal;
}

constexpr auto kUnknownCode = static_cast<size_t>(StatusCode::kUnknown);

}  // namespace

CallMetrics::CallMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles,
                         const std::vector<std::string>& failure_reasons)
    : requests_(&AddCounters(*registry, "roberta_requests_total", "Number of calls that ended, by gRPC status code.")) {
  auto& durations = AddHistograms(*registry, "roberta_request_duration_seconds",
                                  "Time that a call spent in the service. Only Classify is split by profile.");
  auto& phases = AddHistograms(*registry, "roberta_phase_duration_seconds",
                               "Time that a Classify call spent in each phase. The phases add up to its request "
                               "duration. Only the phase infer is split by profile.");
  const auto duration = [&](size_t method, const std::string& profile) {
    return &durations.Add({{"method", call::NameOf(static_cast<Method>(method))}, {"profile", profile}},
                          LatencySeconds());
  };
  const auto phase_time = [&](size_t phase, const std::string& profile) {
    return &phases.Add({{"phase", call::kPhaseNames[phase]}, {"profile", profile}}, LatencySeconds());
  };
  Handles handles;  // those that all profiles share, then those of one profile after another as well
  for (size_t method = 0; method < kMethods; ++method) {
    if (method != kClassify) handles.duration[method] = duration(method, kAllProfiles);
  }
  for (size_t phase = 0; phase < kPhases; ++phase) {
    if (phase != kInfer) handles.phases[phase] = phase_time(phase, kAllProfiles);
  }
  for (const std::string& profile : WithNone(profiles)) {
    handles.duration[kClassify] = duration(kClassify, profile);
    handles.phases[kInfer] = phase_time(kInfer, profile);
    for (size_t method = 0; method < kMethods; ++method) {
      handles.requests[method] = ExpectedRequests(static_cast<Method>(method), profile);
    }
    handles.totals = &totals_.emplace_back();
    handles_.Add(profile, handles);
  }
  auto& failures = AddCounters(*registry, "roberta_request_failures_total",
                               "Number of calls that ended without an answer, by reason.");
  for (const std::string& reason : failure_reasons) failures_[reason] = &failures.Add({{"reason", reason}});
  failures_[kOtherReason] = &failures.Add({{"reason", kOtherReason}});
  inflight_ = AddGauge(*registry, "roberta_inflight_requests",
                       "Number of Classify, ClassifyStream, Compare and Tokenize calls that are in the service now.");
}

CallMetrics::CountersByCode CallMetrics::ExpectedRequests(Method method, const std::string& profile) {
  CountersByCode counters = {};
  const call::MethodRow& row = call::RowOf(method);
  for (const StatusCode code : profile == kNoProfile ? row.codes_without : row.codes) {
    counters[static_cast<size_t>(code)] = &Requests(method, profile, code);
  }
  return counters;
}

prometheus::Counter& CallMetrics::Requests(Method method, const std::string& profile, StatusCode code) {
  return requests_->Add(
      {{"method", call::NameOf(method)}, {"profile", profile}, {"code", absl::StatusCodeToString(code)}});
}

CallMetrics::InFlight CallMetrics::Started() {
  inflight_->Increment();
  return InFlight(inflight_);
}

void CallMetrics::EndInFlight::operator()(prometheus::Gauge* gauge) const {
  gauge->Decrement();
}

void CallMetrics::CountRequest(const End& end, const Handles& handles) {
  const size_t code = static_cast<size_t>(end.code) % kCodes;
  prometheus::Counter* counter = handles.requests[static_cast<size_t>(end.method)][code];
  if (counter == nullptr) {
    const bool known = handles_.Find(end.profile) != nullptr;
    counter = &Requests(end.method, known ? std::string(end.profile) : std::string(kNoProfile),
                        static_cast<StatusCode>(code));
  }
  counter->Increment();
}

void CallMetrics::Ended(const End& end, const call::PhaseClock& clock) {
  const Handles& handles = handles_.Of(end.profile);
  CountRequest(end, handles);
  if (IsFault(end.code)) faults_.fetch_add(1, std::memory_order_relaxed);
  ended_.fetch_add(1, std::memory_order_relaxed);
  handles.duration[static_cast<size_t>(end.method)]->Observe(Seconds(clock.total_ns()));
  if (end.code != StatusCode::kOk) Failed(end.reason);
  if (end.method != Method::kClassify) return;
  Add(end, clock, handles.totals);
  for (size_t phase = 0; phase < kPhases; ++phase) {
    handles.phases[phase]->Observe(Seconds(clock.spent_ns(static_cast<Phase>(phase))));
  }
}

void CallMetrics::Failed(std::string_view reason) {
  const auto found = failures_.find(reason);
  (found != failures_.end() ? found : failures_.find(kOtherReason))->second->Increment();
}

void CallMetrics::Add(const End& end, const call::PhaseClock& clock, SharedTotals* totals) {
  const auto add = [](uint64_t number, std::atomic<uint64_t>* total) {
    total->fetch_add(number, std::memory_order_relaxed);
  };
  const bool succeeded = end.code == StatusCode::kOk;
  add(1, succeeded ? &totals->succeeded : &totals->failed);
  add(static_cast<uint64_t>(clock.total_ns()), succeeded ? &totals->succeeded_ns : &totals->failed_ns);
  if (!succeeded) return;
  for (size_t phase = 0; phase < kPhases; ++phase) {
    add(static_cast<uint64_t>(clock.spent_ns(static_cast<Phase>(phase))), &totals->phase_ns[phase]);
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  totals->last_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

CallTotals CallMetrics::TotalsOf(std::string_view profile) const {
  const Handles* handles = handles_.Find(profile);
  if (handles == nullptr) return {};
  const SharedTotals& shared = *handles->totals;
  CallTotals totals = {.succeeded = shared.succeeded,
                       .succeeded_ns = shared.succeeded_ns,
                       .failed = shared.failed,
                       .failed_ns = shared.failed_ns,
                       .last_ms = shared.last_ms};
  for (size_t phase = 0; phase < kPhases; ++phase) totals.phase_ns[phase] = shared.phase_ns[phase];
  return totals;
}

ItemMetrics::ItemMetrics(prometheus::Registry* registry, const std::vector<std::string>& profiles) {
  auto& items =
      AddCounters(*registry, "roberta_items_total", "Number of items of Classify calls and streams, by outcome.");
  for (const std::string& profile : WithNone(profiles)) {
    handles_.Add(profile, {.answered = &items.Add({{"profile", profile}, {"outcome", "answered"}}),
                           .failed = &items.Add({{"profile", profile}, {"outcome", "failed"}})});
  }
  input_tokens_ = &AddHistograms(*registry, "roberta_input_tokens",
                                 "Number of tokens that all items of an answered Classify call have together.")
                       .Add({}, PowersOfTwo(8, 8192));
  truncated_ =
      AddCounter(*registry, "roberta_truncated_items_total", "Number of items that lost tokens to truncation.");
}

void ItemMetrics::Count(std::string_view profile, const Items& items) {
  const Handles& handles = handles_.Of(profile);
  handles.answered->Increment(static_cast<double>(items.answered));
  handles.failed->Increment(static_cast<double>(items.failed));
  truncated_->Increment(static_cast<double>(items.truncated));
  if (items.answered > 0) input_tokens_->Observe(static_cast<double>(items.tokens));
}

uint64_t ItemMetrics::Answered(std::string_view profile) const {
  const Handles* handles = handles_.Find(profile);
  return handles == nullptr ? 0 : static_cast<uint64_t>(handles->answered->Value());
}

RpcMetrics::RpcMetrics(prometheus::Registry* registry, const std::vector<std::string>& methods,
                       const std::vector<std::string>& methods_on_use, const std::vector<int>& codes)
    : started_(&AddCounters(*registry, "grpc_server_call_started_total", "Number of calls that reached the server.")),
      duration_(&AddHistograms(*registry, "grpc_server_call_duration_seconds",
                               "Time from the arrival of a call to its status.")),
      ended_(&AddCounters(*registry, "grpc_server_call_ended_total", "Number of calls that ended, by gRPC status.")) {
  const auto add_whole = [this, &codes](const std::string& name) {
    Method* const method = Add(name);
    std::call_once(method->made, [&] { Make(method); });
    for (const int code : codes) EndedWith(*method, static_cast<size_t>(code));
    return method;
  };
  for (const std::string& name : methods) add_whole(name);
  other_ = add_whole(kOtherMethod);
  for (const std::string& name : methods_on_use) Add(name);
}

RpcMetrics::Method* RpcMetrics::Add(const std::string& name) {
  Method* const method = &methods_[name];
  method->name = name;
  return method;
}

void RpcMetrics::Make(Method* method) const {
  method->started = &started_->Add({{"grpc_method", method->name}});
  method->duration = &duration_->Add({{"grpc_method", method->name}}, LatencySeconds());
}

prometheus::Counter* RpcMetrics::EndedWith(const Method& method, size_t code) const {
  std::atomic<prometheus::Counter*>& counter = method.ended[code];
  if (counter.load(std::memory_order_acquire) == nullptr) {
    const std::string status = absl::StatusCodeToString(static_cast<StatusCode>(code));
    counter.store(&ended_->Add({{"grpc_method", method.name}, {"grpc_status", status}}), std::memory_order_release);
  }
  return counter.load(std::memory_order_relaxed);
}

const RpcMetrics::Method& RpcMetrics::Started(std::string_view method) {
  if (method.starts_with('/')) method.remove_prefix(1);
  const auto found = methods_.find(method);
  Method& series = found != methods_.end() ? found->second : *other_;
  std::call_once(series.made, [&] { Make(&series); });
  series.started->Increment();
  return series;
}

void RpcMetrics::Ended(const Method& method, int code, std::chrono::nanoseconds duration) {
  const auto number = static_cast<size_t>(code);
  EndedWith(method, number < kCodes ? number : kUnknownCode)->Increment();
  method.duration->Observe(Seconds(duration.count()));
}

ConnectionMetrics::ConnectionMetrics(prometheus::Registry* registry)
    : open_(AddGauge(*registry, "roberta_connections", "Number of open connections to the gRPC services.")) {
  auto& closed = AddCounters(*registry, "roberta_connections_closed_total",
                             "Number of connections that the server closed because of a limit.");
  for (size_t i = 0; i < closed_.size(); ++i) closed_[i] = &closed.Add({{"reason", sockets::kClosedNames[i]}});
}

void ConnectionMetrics::Set(size_t connections) {
  open_->Set(static_cast<double>(connections));
}

void ConnectionMetrics::CountClosed(sockets::Closed reason) {
  closed_[static_cast<size_t>(reason)]->Increment();
}

HttpMetrics::HttpMetrics(prometheus::Registry* registry)
    : open_(AddGauge(*registry, "roberta_http_connections", "Number of open connections to the HTTP port.")) {
  auto& responses = AddCounters(*registry, "roberta_http_responses_total",
                                "Number of responses of the HTTP port, by the first digit of their status.");
  constexpr const char* kClasses[] = {"2xx", "4xx", "5xx"};  // there are no others
  for (size_t i = 0; i < responses_.size(); ++i) responses_[i] = &responses.Add({{"code", kClasses[i]}});
  auto& refused = AddCounters(*registry, "roberta_http_refused_total",
                              "Number of connections and requests that the HTTP port refused by itself.");
  for (size_t i = 0; i < refused_.size(); ++i) refused_[i] = &refused.Add({{"reason", http::kRefusalNames[i]}});
}

void HttpMetrics::SetConnections(size_t connections) {
  open_->Set(static_cast<double>(connections));
}

void HttpMetrics::CountResponse(unsigned status) {
  responses_[status < 400 ? 0 : status < 500 ? 1 : 2]->Increment();
}

void HttpMetrics::CountRefusal(http::Refusal reason) {
  refused_[static_cast<size_t>(reason)]->Increment();
}

}  // namespace roberta::metrics
