#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(AdmissionMetrics, EverySelectionExistsFromTheStart) {
  const std::string page = ExposedMetrics().Scrape();
  for (const std::string labels :
       {"reason=\"request\",requested=\"quantized\"", "reason=\"metadata\",requested=\"quantized\"",
        "reason=\"default\",requested=\"none\"", "reason=\"auto_most_accurate\",requested=\"auto\"",
        "reason=\"auto_fastest\",requested=\"auto\""}) {
    EXPECT_THAT(page, HasSubstr("roberta_profile_selected_total{" + labels + ",used=\"quantized\"} 0"));
  }
}

TEST(AdmissionMetrics, CountsTheProfileUsedAndTheReason) {
  ExposedMetrics exposed;
  exposed.metrics.admission().Selected("quantized", SelectionReason::kAutoFastest);
  EXPECT_THAT(exposed.Scrape(), HasSubstr("{reason=\"auto_fastest\",requested=\"auto\",used=\"quantized\"} 1"));
}

TEST(AdmissionMetrics, AnUnknownProfileMakesNoSeries) {
  ExposedMetrics exposed;
  exposed.metrics.admission().Selected("x\"}evil", SelectionReason::kRequest);
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("evil")));
}

TEST(AdmissionMetrics, TheErrorIsAbsoluteAndTheBiasKeepsItsSign) {
  ExposedMetrics exposed;
  exposed.metrics.admission().Predicted("baseline", -0.25, -0.5);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_wait_prediction_error_seconds_sum{profile=\"baseline\"} 0.25"));
  EXPECT_THAT(page, HasSubstr("roberta_wait_prediction_bias_seconds{profile=\"baseline\"} -0.5"));
}

TEST(AdmissionMetrics, EachScrapeReadsTheLoadRatio) {
  static double ratio = 0.5;
  ServerMetrics metrics({.profiles = {"baseline"}});
  metrics.BeforeScrape([&] { metrics.admission().SetLoadRatio(ratio); });
  const uint16_t port = metrics.Expose("127.0.0.1", 0, true).value();
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_load_ratio 0.5"));
  ratio = 3;
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_load_ratio 3"));
}

TEST(BrownOutMetrics, EachScrapeReadsTheLevel) {
  static size_t level = 0;
  ServerMetrics metrics({.profiles = {"baseline"}});
  metrics.BeforeScrape([&] { metrics.brown_out().SetLevel(level); });
  const uint16_t port = metrics.Expose("127.0.0.1", 0, true).value();
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_brown_out_level 0\n"));
  level = 2;
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_brown_out_level 2\n"));
}

TEST(BrownOutMetrics, WithoutABrownOutTheLevelIsZero) {
  EXPECT_THAT(ExposedMetrics().Scrape(), HasSubstr("roberta_brown_out_level 0\n"));
}

TEST(BrownOutMetrics, CountsChangesByReason) {
  ExposedMetrics exposed;
  exposed.metrics.brown_out().CountChange(LevelChange::kRelief);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_brown_out_changes_total{reason=\"pressure\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("roberta_brown_out_changes_total{reason=\"relief\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("roberta_brown_out_changes_total{reason=\"lost_step\"} 0\n"));
}

}  // namespace
}  // namespace roberta::metrics
