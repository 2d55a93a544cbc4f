#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;

TEST(QueueMetrics, EachScrapeReadsTheQueue) {
  static size_t waiting = 0;
  ServerMetrics metrics({.profiles = {"baseline", "quantized"}});
  metrics.queue().SetCapacity(64);
  metrics.BeforeScrape([&] {
    metrics.queue().Set({.items = {{}, {0, 1, waiting}, {5, 0, 0}}, .tokens = {0, 40, 9}, .oldest_age_seconds = 0.5});
  });
  const uint16_t port = metrics.Expose("127.0.0.1", 0, true).value();
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_queue_items{priority=\"high\",profile=\"quantized\"} 0"));
  waiting = 7;
  const std::string page = Get(port, "/metrics");
  EXPECT_THAT(page, HasSubstr("roberta_queue_items{priority=\"high\",profile=\"quantized\"} 7"));
  EXPECT_THAT(page, HasSubstr("roberta_queue_items{priority=\"low\",profile=\"none\"} 5"));
  EXPECT_THAT(page, HasSubstr("roberta_queue_tokens{profile=\"quantized\"} 40"));
  EXPECT_THAT(page, HasSubstr("roberta_queue_capacity_items 64"));
  EXPECT_THAT(page, HasSubstr("roberta_queue_oldest_age_seconds 0.5"));
}

TEST(BatchMetrics, CountsABatchWithItsSize) {
  ExposedMetrics exposed;
  exposed.metrics.batches().Count("baseline", {.items = 3, .tokens = 40});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_batches_total{profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_items_sum{profile=\"baseline\"} 3"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_tokens_sum{profile=\"baseline\"} 40"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_padding_ratio_sum{profile=\"baseline\"} 0\n"));
}

TEST(BatchMetrics, PaddingIsAShareOfAllComputedTokens) {
  ExposedMetrics exposed;
  exposed.metrics.batches().Count("quantized", {.items = 3, .tokens = 30, .padded_tokens = 10});
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_batch_padding_ratio_sum{profile=\"quantized\"} 0.25\n"));
}

}  // namespace
}  // namespace roberta::metrics
