#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "server/metrics/call_metrics.h"
#include "server/transport/gate.h"
#include "server/transport/raw_service.h"
#include "xds/data/orca/v3/orca_load_report.pb.h"

// ORCA: the load of the server for those who balance calls, see proto/xds.
namespace roberta::transport {

/// What the server has done up to a moment, and its load then.
struct LoadSample {
  std::chrono::steady_clock::time_point at;
  metrics::CallMetrics::Count calls = {};
  double cpu_seconds = 0;    ///< that the process has used
  double load_ratio = 0;     ///< see admission::LoadMeter
  double queue_seconds = 0;  ///< that the executors need for what waits and runs
};

/// The report at `now`, with rates since `before`, of a process that may use `cores`, perhaps not a whole number.
xds::data::orca::v3::OrcaLoadReport MakeLoadReport(const LoadSample& before, const LoadSample& now, double cores);

struct LoadReportOptions {
  double cores = 1;     ///< that the process may use
  bool always = false;  ///< every call has a report, not only one that asks
  std::chrono::milliseconds least_interval{1000};
  size_t max_streams = 256;
};

/// xds.service.orca.v3.OpenRcaService, and the reports of single calls. Reports are made when a sample is taken, not
/// when they are asked for. Any thread may call.
class LoadReports final : public RawService {
 public:
  /// The time that rates are of; the load ratio has the same.
  static constexpr std::chrono::seconds kWindow{10};

  /// Both must outlive the server that this is registered with. Without a guard everybody may call.
  LoadReports(const LoadReportOptions& options, metrics::CallMetrics* metrics, const security::Guard* guard);

  /// Makes the next report and sends it to the streams whose interval is over. To be called several times in the least
  /// interval, by one thread.
  void Take(const LoadSample& sample);
  /// Adds the last report to the trailing metadata of a call, if the call is to have one.
  void AddTo(grpc::CallbackServerContext* context) const;
  /// Ends the streams, and those that are opened from now on.
  void Drain();

 private:
  class Stream;
  struct Link;

  /// Whether there is room for one more stream, which is then counted.
  absl::Status Join(const std::shared_ptr<Link>& link);
  void Leave(const std::shared_ptr<Link>& link);
  std::string last() const;

  const LoadReportOptions options_;
  metrics::CallMetrics* const metrics_;
  std::deque<LoadSample> samples_;  ///< of the window, the oldest first; only for Take
  mutable std::mutex mutex_;
  std::string last_;  ///< guarded by mutex_, like all below
  std::set<std::shared_ptr<Link>> streams_;
  bool draining_ = false;
};

/// For a call that went through `gate` and ended with `status`: nobody without the role learns anything.
inline void AddLoadReport(const Gate& gate, const absl::Status& status, grpc::CallbackServerContext* context) {
  if (gate.load == nullptr || absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) return;
  gate.load->AddTo(context);
}

}  // namespace roberta::transport
