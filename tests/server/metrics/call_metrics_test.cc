#include "server/metrics/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {

using call::Method;
using call::Phase;
using call::PhaseClock;
namespace {

using namespace std::chrono_literals;
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

TEST(CallMetrics, OnlyTheInferencePhaseIsSplitByProfile) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended({.method = Method::kClassify, .profile = "baseline"}, JustArrived());
  exposed.metrics.calls().Ended({.method = Method::kClassify, .profile = "quantized"}, JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_phase_duration_seconds_count{phase=\"queue\",profile=\"all\"} 2"));
  EXPECT_THAT(page, Not(HasSubstr("{phase=\"queue\",profile=\"baseline\"")));
}

TEST(CallMetrics, OnlyTheDurationOfClassifyIsSplitByProfile) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended({.method = Method::kClassify, .profile = "baseline"}, JustArrived());
  exposed.metrics.calls().Ended({.method = Method::kClassifyStream, .profile = "baseline"}, JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_request_duration_seconds_count{method=\"Classify\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_request_duration_seconds_count{method=\"ClassifyStream\",profile=\"all\"} 1"));
}

TEST(CallMetrics, AnUnexpectedCodeAddsItsSeries) {
  ExposedMetrics exposed;
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("code=\"DATA_LOSS\"")));
  for (const char* profile : {"baseline", "baseline", "unheard of"}) {
    exposed.metrics.calls().Ended(
        {.method = Method::kLoadProfile, .profile = profile, .code = absl::StatusCode::kDataLoss}, JustArrived());
  }
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"DATA_LOSS\",method=\"LoadProfile\",profile=\"baseline\"} 2"));
  EXPECT_THAT(page, HasSubstr("roberta_requests_total{code=\"DATA_LOSS\",method=\"LoadProfile\",profile=\"none\"} 1"));
}

TEST(CallMetrics, ACallIsInFlightAsLongAsItsHandleIsHeld) {
  ExposedMetrics exposed;
  CallMetrics::InFlight handle;
  {
    CallMetrics::InFlight first = exposed.metrics.calls().Started();
    EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 1"));
    handle = std::move(first);
    const CallMetrics::InFlight second = exposed.metrics.calls().Started();
    EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 2"));
  }
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 1"));
  handle.reset();
  handle.reset();
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_inflight_requests 0"));
}

TEST(CallMetrics, AnUnknownProfileMakesNoSeries) {
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

TEST(CallMetrics, AFailureWithAnUnknownReasonCountsAsOther) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended(
      {.method = Method::kCompare, .code = absl::StatusCode::kUnknown, .reason = "unheard_of"}, JustArrived());
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_request_failures_total{reason=\"other\"} 1"));
}

TEST(CallMetrics, AnAnsweredCallIsNoFailure) {
  ExposedMetrics exposed;
  exposed.metrics.calls().Ended({.method = Method::kClassify, .reason = "queue_full"}, JustArrived());
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"queue_full\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_request_failures_total{reason=\"other\"} 0"));
}

TEST(CallMetrics, TotalsOfAProfileAreThoseOfItsClassifyCalls) {
  ExposedMetrics exposed;
  CallMetrics& calls = exposed.metrics.calls();
  call::PhaseClock clock = JustArrived();
  clock.End(call::Phase::kInfer, call::PhaseClock::Clock::now() + 5ms);
  calls.Ended({.method = Method::kClassify, .profile = "baseline"}, clock);
  calls.Ended({.method = Method::kClassify, .profile = "baseline", .code = absl::StatusCode::kInternal}, clock);
  calls.Ended({.method = Method::kClassify, .profile = "quantized"}, clock);
  calls.Ended({.method = Method::kClassifyStream, .profile = "baseline"}, clock);
  const CallTotals totals = calls.TotalsOf("baseline");
  EXPECT_EQ(totals.succeeded, 1u);
  EXPECT_EQ(totals.failed, 1u);
  EXPECT_EQ(totals.succeeded_ns, static_cast<uint64_t>(clock.total_ns()));
  EXPECT_EQ(totals.phase_ns[static_cast<size_t>(call::Phase::kInfer)], totals.succeeded_ns);
  EXPECT_GT(totals.last_ms, 0u);
  EXPECT_EQ(calls.TotalsOf("nonesuch").succeeded, 0u);
}

TEST(ItemMetrics, CountsItemsByOutcome) {
  ExposedMetrics exposed;
  exposed.metrics.items().Count("baseline", {.answered = 3, .failed = 1, .truncated = 2, .tokens = 40});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"answered\",profile=\"baseline\"} 3"));
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"failed\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_truncated_items_total 2"));
  EXPECT_THAT(page, HasSubstr("roberta_input_tokens_sum 40"));
}

ExposedMetrics ForClassify() {
  return ExposedMetrics({.rpc_methods = {"roberta.v1.Classifier/Classify"}, .rpc_codes = {0, 14}});
}

TEST(RpcMetrics, CountsTheStartAndTheEndOfACall) {
  ExposedMetrics exposed = ForClassify();
  RpcMetrics& rpcs = exposed.metrics.rpcs();
  const RpcMetrics::Method& method = rpcs.Started("/roberta.v1.Classifier/Classify");
  rpcs.Ended(method, 14, 3s);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("grpc_server_call_started_total{grpc_method=\"roberta.v1.Classifier/Classify\"} 1"));
  EXPECT_THAT(page,
              HasSubstr("grpc_server_call_duration_seconds_sum{grpc_method=\"roberta.v1.Classifier/Classify\"} 3"));
  EXPECT_THAT(page, HasSubstr("grpc_server_call_ended_total{grpc_method=\"roberta.v1.Classifier/Classify\","
                              "grpc_status=\"UNAVAILABLE\"} 1"));
}

TEST(RpcMetrics, AnUnknownMethodMakesNoSeries) {
  ExposedMetrics exposed = ForClassify();
  exposed.metrics.rpcs().Started("/evil.Service/Method");
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, Not(HasSubstr("evil")));
  EXPECT_THAT(page, HasSubstr("grpc_server_call_started_total{grpc_method=\"other\"} 1"));
}

TEST(RpcMetrics, AnUnexpectedCodeHasASeriesOnceItOccursAndNoCodeCountsAsUnknown) {
  ExposedMetrics exposed = ForClassify();
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("NOT_FOUND")));
  RpcMetrics& rpcs = exposed.metrics.rpcs();
  for (const int code : {5, 17, -1}) rpcs.Ended(rpcs.Started("roberta.v1.Classifier/Classify"), code, 1s);
  EXPECT_THAT(exposed.Scrape(), HasSubstr("grpc_server_call_ended_total{grpc_method=\"roberta.v1.Classifier/Classify\","
                                          "grpc_status=\"UNKNOWN\"} 2"));
  EXPECT_THAT(exposed.Scrape(), HasSubstr("grpc_server_call_ended_total{grpc_method=\"roberta.v1.Classifier/Classify\","
                                          "grpc_status=\"NOT_FOUND\"} 1"));
}

TEST(RpcMetrics, AMethodThatIsRarelyUsedHasSeriesFromItsFirstCallOn) {
  ExposedMetrics exposed({.rpc_methods_on_use = {"tei.v1.Predict/Predict"}, .rpc_codes = {0, 14}});
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("tei.v1")));
  RpcMetrics& rpcs = exposed.metrics.rpcs();
  rpcs.Ended(rpcs.Started("/tei.v1.Predict/Predict"), 14, 1s);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("grpc_server_call_started_total{grpc_method=\"tei.v1.Predict/Predict\"} 1"));
  EXPECT_THAT(page, HasSubstr("grpc_server_call_ended_total{grpc_method=\"tei.v1.Predict/Predict\","
                              "grpc_status=\"UNAVAILABLE\"} 1"));
  EXPECT_THAT(page, Not(HasSubstr("grpc_method=\"tei.v1.Predict/Predict\",grpc_status=\"OK\"")));
}

}  // namespace
}  // namespace roberta::metrics
