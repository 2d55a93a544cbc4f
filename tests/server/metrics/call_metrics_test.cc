#include "server/metrics/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PhaseClock JustArrived() {
  return PhaseClock(PhaseClock::Clock::now());
}

TEST(CallMetrics, CountsACallWithItsPhases) {
  ExposedMetrics exposed;
  PhaseClock clock = JustArrived();
  clock.End(Phase::kInfer);
  exposed.metrics.calls().Ended({.method = Method::kClassify, .profile = "baseline"}, clock);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_requests_total{code=\"OK\",method=\"Classify\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_phase_duration_seconds_count{phase=\"infer\",profile=\"baseline\"} 1"));
}

TEST(CallMetrics, ACallIsInFlightUntilItEnds) {
  for (const Method method : {Method::kClassify, Method::kCompare}) {
    ExposedMetrics exposed;
    exposed.metrics.calls().Started();
    EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 1"));
    exposed.metrics.calls().Ended({.method = method}, JustArrived());
    EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 0"));
  }
}

TEST(CallMetrics, ANameNobodyKnowsMakesNoSeries) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended(
      {.method = Method::kClassify, .profile = "x\"}evil", .code = absl::StatusCode::kInvalidArgument}, JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, Not(HasSubstr("evil")));
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"INVALID_ARGUMENT\",method=\"Classify\",profile=\"none\"} 1"));
}

TEST(CallMetrics, AFailureHasItsReason) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended(
      {.method = Method::kClassify, .code = absl::StatusCode::kResourceExhausted, .reason = "queue_full"},
      JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"queue_full\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"bad_field\"} 0"));
}

TEST(CallMetrics, AFailureWithAReasonThatNobodyKnowsIsAnother) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended({.method = Method::kCompare, .code = absl::StatusCode::kUnknown, .reason = "moon"},
                                JustArrived());
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_request_failures_total{reason=\"other\"} 1"));
}

TEST(CallMetrics, AnAnswerIsNoFailure) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended({.method = Method::kClassify, .reason = "queue_full"}, JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"queue_full\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"other\"} 0"));
}

}  // namespace
}  // namespace roberta::metrics
