#include "server/metrics/rpc_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

ExposedMetrics ForClassify() {
  return ExposedMetrics({.rpc_methods = {"roberta.v1.Classifier/Classify"}, .rpc_codes = {0, 14}});
}

TEST(RpcMetrics, CountTheStartAndTheEndOfACall) {
  ExposedMetrics exposed = ForClassify();
  RpcMetrics& rpcs = exposed.metrics.rpcs();
  const RpcMetrics::Method& method = rpcs.Started("/roberta.v1.Classifier/Classify");
  rpcs.Ended(method, 14, 3s);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("grpc_server_call_started_total{grpc_method=\"roberta.v1.Classifier/Classify\"} 1"));
  EXPECT_THAT(page, HasSubstr("grpc_server_call_duration_seconds_sum{grpc_method=\"roberta.v1.Classifier/Classify\","
                              "grpc_status=\"UNAVAILABLE\"} 3"));
}

TEST(RpcMetrics, AMethodThatNobodyKnowsMakesNoSeries) {
  ExposedMetrics exposed = ForClassify();
  exposed.metrics.rpcs().Started("/evil.Service/Method");
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, Not(HasSubstr("evil")));
  EXPECT_THAT(page, HasSubstr("grpc_server_call_started_total{grpc_method=\"other\"} 1"));
}

TEST(RpcMetrics, ACodeThatIsNotExpectedIsUnknown) {
  ExposedMetrics exposed = ForClassify();
  RpcMetrics& rpcs = exposed.metrics.rpcs();
  for (const int code : {5, 17, -1}) rpcs.Ended(rpcs.Started("roberta.v1.Classifier/Classify"), code, 1s);
  EXPECT_THAT(exposed.Scrape(),
              HasSubstr("grpc_server_call_duration_seconds_count{grpc_method=\"roberta.v1.Classifier/Classify\","
                        "grpc_status=\"UNKNOWN\"} 3"));
}

}  // namespace
}  // namespace roberta::metrics
