#include "server/metrics/profile_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProfileMetrics, SayHowAProfileIs) {
  ExposedMetrics exposed;
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} Nan"));
  exposed.metrics.profiles().Set("quantized", {.ready = true, .agreement_ratio = 0.5, .load_seconds = 2});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"quantized\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} 0.5"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_load_duration_seconds{profile=\"quantized\"} 2"));
}

TEST(ProfileMetrics, AProfileThatNobodyKnowsIsIgnored) {
  ExposedMetrics exposed;
  exposed.metrics.profiles().Set("nobody", {.ready = true});
  EXPECT_THAT(exposed.Scrape(), Not(HasSubstr("roberta_profile_ready{profile=\"nobody\"}")));
}

}  // namespace
}  // namespace roberta::metrics
