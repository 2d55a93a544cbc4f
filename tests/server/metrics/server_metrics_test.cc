#include "server/metrics/server_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;

TEST(ServerMetrics, EverySeriesExistsFromTheStart) {
  const std::string page = ExposedMetrics().Scrape();
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"UNAVAILABLE\",method=\"Classify\",profile=\"quantized\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"queue_full\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"baseline\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_build_info{"));
}

TEST(ServerMetrics, APortInUseIsAnError) {
  const ExposedMetrics first;
  ServerMetrics second({.profiles = {"baseline"}});
  EXPECT_EQ(second.Expose("127.0.0.1", first.port).status().code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace roberta::metrics
