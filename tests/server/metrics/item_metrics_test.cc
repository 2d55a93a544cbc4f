#include "server/metrics/item_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;

TEST(ItemMetrics, CountsWhatBecameOfItems) {
  ExposedMetrics exposed;
  exposed.metrics.items().Count("baseline", {.answered = 3, .failed = 1, .truncated = 2, .tokens = 40});
  const std::string page = exposed.Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"answered\",profile=\"baseline\"} 3"));
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"failed\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_truncated_items_total 2"));
  EXPECT_THAT(page, HasSubstr("roberta_input_tokens_sum 40"));
}

}  // namespace
}  // namespace roberta::metrics
