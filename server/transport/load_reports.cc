#include "server/transport/load_reports.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/call/failure_reason.h"
#include "server/service/profile_backend.h"
#include "server/transport/metadata.h"
#include "server/transport/unary_reactor.h"
#include "xds/service/orca/v3/orca.pb.h"

namespace roberta::transport {

using Clock = std::chrono::steady_clock;
using grpc::ByteBuffer;
using xds::data::orca::v3::OrcaLoadReport;
using xds::service::orca::v3::OrcaLoadReportRequest;

namespace {

constexpr int64_t kLongestIntervalSeconds = 3600;

std::chrono::milliseconds IntervalOf(const OrcaLoadReportRequest& request, std::chrono::milliseconds least) {
  const auto& wanted = request.report_interval();
  const std::chrono::milliseconds interval =
      std::chrono::seconds(std::clamp<int64_t>(wanted.seconds(), 0, kLongestIntervalSeconds)) +
      std::chrono::milliseconds(wanted.nanos() / 1'000'000);
  return std::max(interval, least);
}

}  // namespace

/// What outlives a stream, for reports that may come too late to it.
struct LoadReports::Link {
  std::mutex mutex;
  Stream* stream;  ///< guarded by mutex; nullptr once the stream is gone
};

/// One StreamCoreMetrics call. Owned by gRPC. A client that reads slowly gets fewer reports.
class LoadReports::Stream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  Stream(LoadReports* reports, const Gate& gate, grpc::CallbackServerContext* context)
      : reports_(reports), context_(context), link_(std::make_shared<Link>()) {
    link_->stream = this;
    call::Head head;
    const absl::Status entered = Enter(gate, context, &head);
    if (entered.ok()) {
      StartRead(&in_);
      return;
    }
    finished_ = true;
    FinishWhenDue(gate, entered, context, [this, status = ToGrpcStatus(entered, {})] { Finish(status); });
  }

  void OnReadDone(bool ok) override {
    if (!ok) in_.Clear();
    OrcaLoadReportRequest request;
    absl::Status read = ReadMessage(in_, &request);
    if (read.ok()) read = reports_->Join(link_);
    if (!read.ok()) return End(read);
    const std::string report = reports_->last();
    const std::lock_guard lock(link_->mutex);
    interval_ = IntervalOf(request, reports_->options_.least_interval);
    SendLocked(report, Clock::now());
  }
  void OnWriteDone(bool ok) override {
    std::unique_lock lock(link_->mutex);
    writing_ = false;
    if (!ok && status_.ok()) status_ = absl::CancelledError("the client is gone");
    FinishIfEnded(std::move(lock));
  }
  void OnCancel() override { End(absl::CancelledError("the client cancelled the call")); }
  void OnDone() override {
    {
      const std::lock_guard lock(link_->mutex);
      link_->stream = nullptr;
    }
    reports_->Leave(link_);
    delete this;
  }

  /// Of the mutex of the link, which the caller holds.
  void SendIfDueLocked(const std::string& report, Clock::time_point now) {
    if (interval_.count() > 0 && now >= due_) SendLocked(report, now);
  }
  /// A report that the client does not take would hold up a stop: it is given up.
  static void Drain(const std::shared_ptr<Link>& link, const absl::Status& status) {
    std::unique_lock lock(link->mutex);
    Stream* const stream = link->stream;
    if (stream == nullptr || stream->finished_) return;
    stream->status_ = status;
    if (!stream->writing_) return stream->FinishIfEnded(std::move(lock));
    const std::function<void()> end = EndingOf(stream->context_->c_call(), status);
    lock.unlock();
    end();
  }

 private:
  void SendLocked(const std::string& report, Clock::time_point now) {
    if (writing_ || finished_ || !status_.ok()) return;
    grpc::Slice slice(report);
    ByteBuffer bytes(&slice, 1);
    out_.Swap(&bytes);
    writing_ = true;
    due_ = now + interval_;
    StartWrite(&out_);
  }
  void End(const absl::Status& status) {
    std::unique_lock lock(link_->mutex);
    if (status_.ok()) status_ = status;
    FinishIfEnded(std::move(lock));
  }
  void FinishIfEnded(std::unique_lock<std::mutex> lock) {
    if (status_.ok() || writing_ || std::exchange(finished_, true)) return;
    const grpc::Status status = ToGrpcStatus(status_, {});
    lock.unlock();
    Finish(status);
  }

  LoadReports* const reports_;
  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<Link> link_;
  ByteBuffer in_, out_;
  // All below are guarded by the mutex of link_.
  std::chrono::milliseconds interval_{0};  ///< 0 until the request has come
  Clock::time_point due_;
  absl::Status status_;  ///< not OK: the stream is to end with it
  bool writing_ = false;
  bool finished_ = false;
};

OrcaLoadReport MakeLoadReport(const LoadSample& before, const LoadSample& now, double cores) {
  OrcaLoadReport report;
  report.set_application_utilization(now.load_ratio);
  (*report.mutable_named_metrics())["queue_seconds"] = now.queue_seconds;
  const double seconds = std::chrono::duration<double>(now.at - before.at).count();
  if (seconds <= 0) return report;
  report.set_cpu_utilization((now.cpu_seconds - before.cpu_seconds) / seconds / cores);
  report.set_rps_fractional(static_cast<double>(now.calls.ended - before.calls.ended) / seconds);
  report.set_eps(static_cast<double>(now.calls.faults - before.calls.faults) / seconds);
  return report;
}

LoadReports::LoadReports(const LoadReportOptions& options, metrics::CallMetrics* metrics, const security::Guard* guard)
    : options_(options), metrics_(metrics) {
  const Gate gate = {guard, security::Role::kMetadata};
  AddStream("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
            [this, gate](grpc::CallbackServerContext* context) { return new Stream(this, gate, context); });
}

void LoadReports::Take(const LoadSample& sample) {
  // The newest of those that are as old as the window, or older, is what rates are since.
  while (samples_.size() > 1 && sample.at - samples_[1].at >= kWindow) samples_.pop_front();
  samples_.push_back(sample);
  const std::string report = MakeLoadReport(samples_.front(), sample, options_.cores).SerializeAsString();
  std::set<std::shared_ptr<Link>> streams;
  {
    const std::lock_guard lock(mutex_);
    last_ = report;
    streams = streams_;
  }
  for (const std::shared_ptr<Link>& link : streams) {
    const std::lock_guard lock(link->mutex);
    if (link->stream != nullptr) link->stream->SendIfDueLocked(report, sample.at);
  }
}

void LoadReports::AddTo(grpc::CallbackServerContext* context) const {
  if (!options_.always) {
    const auto& metadata = context->client_metadata();
    const auto format = metadata.find("endpoint-load-metrics-format");
    if (format == metadata.end() || format->second != "bin") return;
  }
  context->AddTrailingMetadata("endpoint-load-metrics-bin", last());
}

void LoadReports::Drain() {
  std::set<std::shared_ptr<Link>> streams;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    streams = streams_;
  }
  for (const std::shared_ptr<Link>& link : streams) Stream::Drain(link, service::Draining());
}

absl::Status LoadReports::Join(const std::shared_ptr<Link>& link) {
  const std::lock_guard lock(mutex_);
  if (draining_) return service::Draining();
  if (streams_.size() < options_.max_streams) {
    streams_.insert(link);
    return absl::OkStatus();
  }
  const absl::Status status =
      call::MakeStatus(call::FailureReason::kTooManyCalls,
                       absl::StrCat("there are ", options_.max_streams, " streams of load reports already"));
  metrics_->Failed(call::ReasonOf(status));
  return status;
}

void LoadReports::Leave(const std::shared_ptr<Link>& link) {
  const std::lock_guard lock(mutex_);
  streams_.erase(link);
}

std::string LoadReports::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace roberta::transport
