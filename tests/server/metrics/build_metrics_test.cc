#include "server/metrics/build_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(BuildMetrics, PrimitivesAreAskedForAtEachScrape) {
  static int64_t created = 3;
  const ExposedMetrics exposed({.computation = {.primitives_created = [] { return created; }}});
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_kernel_primitives_created_total 3"));
  created = 5;
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_kernel_primitives_created_total 5"));
}

TEST(BuildMetrics, SayWhatComputes) {
  const ExposedMetrics exposed({.computation = {.libtorch = "1.13.0", .onednn = "2.6.0", .isa = "avx2"}});
  EXPECT_THAT(exposed.Scrape(), ContainsRegex("roberta_build_info\\{git=\"[^\"]+\",isa=\"avx2\",libtorch=\"1.13.0\","
                                              "onednn=\"2.6.0\",version=\"[0-9.]+\"\\} 1\n"));
}

}  // namespace
}  // namespace roberta::metrics
