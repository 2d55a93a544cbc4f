#include "server/metrics/brown_out_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;

TEST(BrownOutMetrics, TheLevelIsAskedForAtEachScrape) {
  static size_t level = 0;
  ExposedMetrics exposed;
  exposed.metrics.brown_out().Observe([] { return level; });
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_brown_out_level 0\n"));
  level = 2;
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_brown_out_level 2\n"));
}

TEST(BrownOutMetrics, WhereThereIsNoneTheLevelIsZero) {
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
