#include "server/metrics/load_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProfileMetrics, ReportTheStateOfAProfile) {
  ExposedMetrics exposed;
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} Nan"));
  exposed.metrics.profiles().Set("quantized", {.ready = true, .agreement_ratio = 0.5, .load_seconds = 2});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"quantized\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} 0.5"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_load_duration_seconds{profile=\"quantized\"} 2"));
}

TEST(ProfileMetrics, AnUnknownProfileIsIgnored) {
  ExposedMetrics exposed;
  exposed.metrics.profiles().Set("nobody", {.ready = true});
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("roberta_profile_ready{profile=\"nobody\"}")));
}

TEST(ShadowMetrics, CountsAgreementsAndDifferences) {
  ExposedMetrics exposed;
  exposed.metrics.shadow().CountCompared("quantized", 3, 1);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_shadow_compared_total{agree=\"true\",profile=\"quantized\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("roberta_shadow_compared_total{agree=\"false\",profile=\"quantized\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("roberta_shadow_agreement_ratio{profile=\"quantized\"} 0.75\n"));
}

TEST(ShadowMetrics, WithoutComparisonsThereIsNoAgreement) {
  EXPECT_THAT(ExposedMetrics().Scrape(), HasSubstr("roberta_shadow_agreement_ratio{profile=\"baseline\"} Nan\n"));
}

TEST(ShadowMetrics, CountsDroppedItemsByReason) {
  ExposedMetrics exposed;
  exposed.metrics.shadow().CountDropped(ShadowDrop::kLimit, 5);
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_shadow_dropped_total{reason=\"limit\"} 5\n"));
  for (const char* reason : {"draining", "not_ready", "failed"}) {
    EXPECT_THAT(page, HasSubstr(std::string("roberta_shadow_dropped_total{reason=\"") + reason + "\"} 0\n"));
  }
}

TEST(ShadowMetrics, AnUnknownProfileIsIgnored) {
  ExposedMetrics exposed;
  exposed.metrics.shadow().CountCompared("nobody", 3, 1);
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("nobody")));
}

}  // namespace
}  // namespace roberta::metrics
