#include "server/metrics/batch_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;

TEST(BatchMetrics, CountsABatchWithItsSize) {
  ExposedMetrics exposed;
  exposed.metrics.batches().Count("baseline", {.items = 3, .tokens = 40});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_batches_total{profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_items_sum{profile=\"baseline\"} 3"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_tokens_sum{profile=\"baseline\"} 40"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_padding_ratio_sum{profile=\"baseline\"} 0\n"));
}

TEST(BatchMetrics, PaddingIsAShareOfAllTokensThatAreComputed) {
  ExposedMetrics exposed;
  exposed.metrics.batches().Count("quantized", {.items = 3, .tokens = 30, .padded_tokens = 10});
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_batch_padding_ratio_sum{profile=\"quantized\"} 0.25\n"));
}

}  // namespace
}  // namespace roberta::metrics
