#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_method.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>

#include "tests/server/app/running_server.h"
#include "xds/data/orca/v3/orca_load_report.pb.h"
#include "xds/service/orca/v3/orca.pb.h"

// Those of single calls are in tests/integration/monitoring_test.py, as gRPC keeps them from its own clients.
namespace roberta::app {
namespace {

using xds::data::orca::v3::OrcaLoadReport;
using xds::service::orca::v3::OrcaLoadReportRequest;

/// Reports as a balancer asks for them, with an interval that is shorter than any that a server gives.
struct Reports {
  explicit Reports(const RunningServer& running)
      : stream(grpc::internal::ClientReaderFactory<OrcaLoadReport>::Create(
            running.channel.get(),
            grpc::internal::RpcMethod("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
                                      grpc::internal::RpcMethod::SERVER_STREAMING, running.channel),
            &context, Request())) {}

  static OrcaLoadReportRequest Request() {
    OrcaLoadReportRequest request;
    request.mutable_report_interval()->set_nanos(1);
    return request;
  }
  /// nullopt at the end.
  std::optional<OrcaLoadReport> Next() {
    OrcaLoadReport report;
    return stream->Read(&report) ? std::optional(report) : std::nullopt;
  }
  grpc::Status End() {
    while (Next()) {
    }
    return stream->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<OrcaLoadReport>> stream;
};

config::ServerConfig WithShortIntervals() {
  config::ServerConfig config = DemoConfig();
  config.mutable_load_reports()->set_least_interval_ms(200);
  config.mutable_load_reports()->set_max_streams(1);
  return config;
}

TEST(LoadReports, AStreamReportsWhatTheServerDoes) {
  RunningServer running(WithShortIntervals());
  Reports reports(running);
  ASSERT_TRUE(reports.Next().has_value());
  while (true) {
    running.ExpectUnharmed();
    const auto report = reports.Next();
    ASSERT_TRUE(report.has_value());
    if (report->rps_fractional() == 0 || report->cpu_utilization() == 0) continue;
    EXPECT_GT(report->application_utilization(), 0);
    EXPECT_EQ(report->eps(), 0);
    EXPECT_EQ(report->named_metrics().count("queue_seconds"), 1);
    break;
  }
  reports.context.TryCancel();
  EXPECT_EQ(reports.End().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(LoadReports, MoreStreamsThanTheLimitAreRefusedUntilOneEnds) {
  RunningServer running(WithShortIntervals());
  {
    Reports first(running);
    ASSERT_TRUE(first.Next().has_value());
    const grpc::Status status = Reports(running).End();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(status.error_message(), "there are 1 streams of load reports already");
    first.context.TryCancel();
    first.End();
  }
  while (true) {  // the server hears of the end a little later
    Reports next(running);
    if (next.Next().has_value()) {
      next.context.TryCancel();
      next.End();
      break;
    }
    EXPECT_EQ(next.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
}

TEST(LoadReports, AStopEndsTheStreams) {
  RunningServer running(WithShortIntervals());
  Reports reports(running);
  ASSERT_TRUE(reports.Next().has_value());
  auto ended = std::async(std::launch::async, [&] { return reports.End(); });
  EXPECT_TRUE(running.server->Drain(std::chrono::milliseconds(0), std::chrono::seconds(60)));
  EXPECT_EQ(ended.get().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace roberta::app
