#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(Pages, ReadyIsNotWhatLoads) {
  const ExposedMetrics exposed;
  const std::string page = Get(exposed.port, "/readyz");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(page, EndsWith("\r\n\r\nnot ready: the profiles are being loaded\n"));
}

TEST(Pages, ReadyIsWhatServes) {
  ExposedMetrics exposed;
  exposed.metrics.readiness().Set(Readiness::State::kServing);
  EXPECT_THAT(Get(exposed.port, "/readyz"), StartsWith("HTTP/1.1 200 "));
}

TEST(Pages, ReadyIsNotWhatStops) {
  ExposedMetrics exposed;
  exposed.metrics.readiness().Set(Readiness::State::kServing);
  exposed.metrics.readiness().Set(Readiness::State::kDraining);
  const std::string page = Get(exposed.port, "/readyz");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(page, EndsWith("\r\n\r\nnot ready: the server is shutting down\n"));
}

TEST(Pages, AliveIsWhateverAnswers) {
  for (const auto state : {Readiness::State::kLoading, Readiness::State::kServing, Readiness::State::kDraining}) {
    ExposedMetrics exposed;
    exposed.metrics.readiness().Set(state);
    EXPECT_THAT(Get(exposed.port, "/healthz"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(Pages, ThereAreNoOthers) {
  const ExposedMetrics exposed;
  for (const char* path : {"/", "/readyz/", "/metricsx", "/../metrics"}) {
    EXPECT_THAT(Get(exposed.port, path), StartsWith("HTTP/1.1 404 ")) << path;
  }
}

}  // namespace
}  // namespace roberta::metrics
