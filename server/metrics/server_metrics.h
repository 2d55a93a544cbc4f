#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/metrics/phases.h"

namespace roberta::metrics {

enum class Method { kClassify, kCompare, kListProfiles, kLoadProfile, kUnloadProfile, kSetDefaultProfile };

/// The server's Prometheus metrics. All handles are made at construction; counting takes no lock but for histograms.
/// Any thread may call. Label values come from fixed lists only: a profile name nobody knows is counted as "none".
class ServerMetrics {
 public:
  /// `primitives_created` is asked at each scrape for the kernels' primitives made so far; nullptr: none are.
  explicit ServerMetrics(const std::vector<std::string>& profiles, int64_t (*primitives_created)() = nullptr);
  ~ServerMetrics();
  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;

  /// Serves /metrics over HTTP on `host`:`port` (0: a free one) and returns the port. Errors: see HttpEndpoint::Start.
  absl::StatusOr<uint16_t> Expose(const std::string& host, uint16_t port);

  /// A Classify or Compare call has begun.
  void CallStarted();
  /// A call has ended, with the time it took; `profile` is empty if it got none.
  void CallEnded(Method method, std::string_view profile, absl::StatusCode code, const PhaseClock& clock);

  struct Items {
    size_t answered = 0;
    size_t failed = 0;
    size_t truncated = 0;
    size_t tokens = 0;
  };
  void CountItems(std::string_view profile, const Items& items);
  void CountBatch(std::string_view profile, size_t items, size_t tokens);
  /// What is known of a profile now.
  struct ProfileGauges {
    bool ready = false;
    std::optional<double> agreement_ratio;  ///< with the baseline, 0 to 1; not a number where it is not measured
    double load_seconds = 0;                ///< of the last load
  };
  void SetProfile(std::string_view profile, const ProfileGauges& gauges);

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace roberta::metrics
