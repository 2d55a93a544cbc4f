#include "server/metrics/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {

using call::Method;
using call::PhaseClock;

namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ServerMetrics, EverySeriesExistsFromTheStart) {
  const std::string page = ExposedMetrics().Scrape();
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"UNAVAILABLE\",method=\"Classify\",profile=\"quantized\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"queue_full\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"baseline\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_build_info{"));
}

TEST(ServerMetrics, OneCallOfEachMethodAddsNoSeries) {
  ExposedMetrics exposed;
  const auto series = [&] {
    const std::string page = exposed.Scrape();
    return std::count(page.begin(), page.end(), '\n');
  };
  const auto before = series();
  const PhaseClock clock(PhaseClock::Clock::now());
  for (const Method method : {Method::kClassify, Method::kClassifyStream, Method::kLoadProfile, Method::kUnloadProfile,
                              Method::kSetDefaultProfile}) {
    exposed.metrics.calls().Ended({.method = method, .profile = "quantized"}, clock);
    exposed.metrics.calls().Ended({.method = method, .code = absl::StatusCode::kInvalidArgument}, clock);
  }
  for (const Method method : {Method::kCompare, Method::kListProfiles}) {
    exposed.metrics.calls().Ended({.method = method}, clock);
  }
  EXPECT_EQ(series(), before);
}

TEST(ServerMetrics, APortInUseIsAnError) {
  const ExposedMetrics first;
  ServerMetrics second({.profiles = {"baseline"}});
  EXPECT_EQ(second.Expose("127.0.0.1", first.port, true).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(ServerMetrics, APeerCannotTakeAllConnectionsFromProbes) {
  const ExposedMetrics exposed;
  std::vector<int> idle;
  for (int i = 0; i < 64; ++i) idle.push_back(Connect(exposed.port, INADDR_LOOPBACK + 1));
  EXPECT_THAT(Get(exposed.port, "/healthz"), StartsWith("HTTP/1.1 200 "));
  for (const int socket_fd : idle) close(socket_fd);
}

TEST(ServerMetrics, OnLoopbackAPageMayNotReadThemByAnotherName) {
  const ExposedMetrics exposed;
  EXPECT_THAT(Get(exposed.port, "/metrics", "Host: evil.example\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(Get(exposed.port, "/metrics", "Host: localhost:8002\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(Pages, AServerThatLoadsIsNotReady) {
  const ExposedMetrics exposed;
  const std::string page = Get(exposed.port, "/readyz");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(page, EndsWith("\r\n\r\nnot ready: the profiles are being loaded\n"));
}

TEST(Pages, AServerThatServesIsReady) {
  ExposedMetrics exposed;
  exposed.metrics.readiness() = Readiness::kServing;
  EXPECT_THAT(Get(exposed.port, "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST(Pages, AServerThatShutsDownIsNotReady) {
  ExposedMetrics exposed;
  exposed.metrics.readiness() = Readiness::kServing;
  exposed.metrics.readiness() = Readiness::kDraining;
  const std::string page = Get(exposed.port, "/readyz");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(page, EndsWith("\r\n\r\nnot ready: the server is shutting down\n"));
}

TEST(Pages, AServerIsAliveInEveryState) {
  for (const auto state : {Readiness::kLoading, Readiness::kServing, Readiness::kDraining}) {
    ExposedMetrics exposed;
    exposed.metrics.readiness() = state;
    EXPECT_THAT(Get(exposed.port, "/healthz"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(Pages, OtherPagesAreNotFound) {
  const ExposedMetrics exposed;
  for (const char* path : {"/", "/readyz/", "/metricsx", "/../metrics"}) {
    EXPECT_THAT(Get(exposed.port, path), StartsWith("HTTP/1.1 404 ")) << path;
  }
}

}  // namespace
}  // namespace roberta::metrics
