#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/metrics/families.h"

namespace roberta::metrics {

/// Calls as gRPC itself sees them, of every service on the port, named as gRPC's proposal A66 (OpenTelemetry metrics)
/// has it: grpc_server_call_started_total, grpc_server_call_duration_seconds. Any thread may call.
class RpcMetrics {
  static constexpr size_t kCodes = 17;  // gRPC's status codes, 0 to 16

 public:
  /// The value of the label `grpc_method` for methods that are not known.
  static constexpr char kOtherMethod[] = "other";

  /// `methods` ("roberta.v1.Classifier/Classify") and `codes` (status codes that this server answers with, 0 to 16) are
  /// what there are series for. `registry` must outlive this.
  RpcMetrics(prometheus::Registry* registry, const std::vector<std::string>& methods, const std::vector<int>& codes);

  /// The series of one method.
  struct Method {
    prometheus::Counter* started;
    std::array<prometheus::Histogram*, kCodes> duration;
  };

  /// Counts the start of a call of `method`, which may have a slash in front. The result is for Ended.
  const Method& Started(std::string_view method);

  /// Counts the end of that call. A code that was not named is counted as UNKNOWN.
  void Ended(const Method& method, int code, std::chrono::nanoseconds duration);

 private:
  std::map<std::string, Method, std::less<>> methods_;
  const Method* other_ = nullptr;
};

}  // namespace roberta::metrics
