#include "server/metrics/rpc_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include "absl/status/status.h"
#include "server/metrics/buckets.h"

namespace roberta::metrics {

namespace {

constexpr auto kUnknown = static_cast<size_t>(absl::StatusCode::kUnknown);

}  // namespace

RpcMetrics::RpcMetrics(prometheus::Registry* registry, const std::vector<std::string>& methods,
                       const std::vector<int>& codes) {
  auto& started = AddCounters(*registry, "grpc_server_call_started_total", "Calls that reached the server.");
  auto& duration = AddHistograms(*registry, "grpc_server_call_duration_seconds",
                                 "Time from a call's arrival to its status, by gRPC status code.");
  auto add = [&](const std::string& name) -> const Method* {
    auto histogram = [&](absl::StatusCode code) {
      return &duration.Add({{"grpc_method", name}, {"grpc_status", absl::StatusCodeToString(code)}}, LatencySeconds());
    };
    Method& method = methods_[name];
    method.started = &started.Add({{"grpc_method", name}});
    method.duration.fill(histogram(absl::StatusCode::kUnknown));
    for (const int code : codes) {
      method.duration.at(static_cast<size_t>(code)) = histogram(static_cast<absl::StatusCode>(code));
    }
    return &method;
  };
  for (const std::string& name : methods) add(name);
  other_ = add(kOtherMethod);
}

const RpcMetrics::Method& RpcMetrics::Started(std::string_view method) {
  if (method.starts_with('/')) method.remove_prefix(1);
  const auto found = methods_.find(method);
  const Method& series = found != methods_.end() ? found->second : *other_;
  series.started->Increment();
  return series;
}

void RpcMetrics::Ended(const Method& method, int code, std::chrono::nanoseconds duration) {
  const auto known = static_cast<size_t>(code) < kCodes ? static_cast<size_t>(code) : kUnknown;
  method.duration[known]->Observe(Seconds(duration.count()));
}

}  // namespace roberta::metrics
