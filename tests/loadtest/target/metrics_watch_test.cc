#include "loadtest/target/metrics_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "absl/strings/str_replace.h"
#include "tests/loadtest/target/page_server.h"

namespace roberta::loadtest::target {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

/// A server's page after `calls` answered calls, of which each took 10 ms.
std::string PageAfter(int calls, double started = 1000, int in_flight = 0) {
  return absl::StrCat("process_start_time_seconds ", started,
                      "\nprocess_resident_memory_bytes 1048576\nprocess_cpu_seconds_total ", 0.25 * calls,
                      "\nroberta_queue_items{profile=\"a\",priority=\"low\"} 2\n",
                      "roberta_queue_items{profile=\"b\",priority=\"low\"} 3\nroberta_inflight_requests ", in_flight,
                      "\nroberta_requests_total{method=\"Classify\",code=\"OK\",profile=\"a\"} ", calls,
                      "\nroberta_requests_total{method=\"Classify\",code=\"INTERNAL\",profile=\"a\"} 7\n",
                      "roberta_requests_total{method=\"Compare\",code=\"OK\",profile=\"a\"} 99\n",
                      "roberta_request_duration_seconds_sum{method=\"Classify\",profile=\"a\"} ", 0.01 * calls,
                      "\nroberta_request_duration_seconds_sum{method=\"Compare\",profile=\"a\"} 50\n",
                      "roberta_phase_duration_seconds_sum{phase=\"queue\",profile=\"a\"} ", 0.004 * calls,
                      "\nroberta_phase_duration_seconds_sum{phase=\"infer\",profile=\"a\"} ", 0.005 * calls,
                      "\nroberta_phase_duration_seconds_sum{phase=\"infer\",profile=\"b\"} ", 0.001 * calls,
                      "\nroberta_batches_total{profile=\"a\"} ", calls, "\nroberta_batch_items_sum{profile=\"a\"} ",
                      2 * calls, "\nroberta_batch_tokens_sum{profile=\"a\"} ", 20 * calls,
                      "\nroberta_batch_padding_ratio_sum{profile=\"a\"} ", 0.5 * calls, "\n");
}

MetricsPage Page(const std::string& text) {
  auto page = MetricsPage::Parse(text);
  EXPECT_TRUE(page.ok()) << page.status();
  return page.ok() ? *page : MetricsPage();
}

TEST(SampleOf, HasTheProcessAndTheQueue) {
  const auto sample = SampleOf(Page(PageAfter(4, 1000, 6)), 1.5);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->seconds, 1.5);
  EXPECT_EQ(sample->resident_bytes, 1048576);
  EXPECT_EQ(sample->cpu_seconds, 1);
  EXPECT_EQ(sample->queue_items, 5);
  EXPECT_EQ(sample->inflight_requests, 6);
}

TEST(SampleOf, APageOfAnotherProgramIsRefused) {
  EXPECT_THAT(SampleOf(Page("process_resident_memory_bytes 1\nprocess_cpu_seconds_total 1\n"), 0).status().message(),
              HasSubstr("not the metrics page of a roberta-server: it has no roberta_queue_items"));
}

TEST(SampleOf, ImpossibleValuesAreRefused) {
  for (const char* value : {"NaN", "+Inf", "-1", "1e300"}) {
    const std::string page = absl::StrReplaceAll(PageAfter(1), {{"_bytes 1048576", absl::StrCat("_bytes ", value)}});
    EXPECT_THAT(SampleOf(Page(page), 0).status().message(), HasSubstr("process_resident_memory_bytes is ")) << value;
  }
}

TEST(CountersBetween, IsWhatClassifyCallsGrewBy) {
  const auto counters = CountersBetween(Page(PageAfter(100)), Page(PageAfter(300)));
  ASSERT_TRUE(counters.ok()) << counters.status();
  EXPECT_EQ(counters->requests, 200);
  EXPECT_EQ(counters->answered, 200);
  EXPECT_NEAR(counters->request_seconds, 2, 1e-9);
  EXPECT_THAT(counters->phase_seconds, ElementsAre(Pair("infer", ::testing::DoubleNear(1.2, 1e-9)),
                                                   Pair("queue", ::testing::DoubleNear(0.8, 1e-9))));
  EXPECT_EQ(counters->batches, 200);
  EXPECT_EQ(counters->batch_items, 400);
  EXPECT_EQ(counters->batch_tokens, 4000);
  EXPECT_NEAR(counters->padding_ratio_sum, 100, 1e-9);
  EXPECT_EQ(counters->missing, "");
}

TEST(CountersBetween, AServerStartedAnewHasNone) {
  EXPECT_THAT(CountersBetween(Page(PageAfter(100)), Page(PageAfter(300, 2000))).status().message(),
              HasSubstr("restarted"));
  EXPECT_THAT(CountersBetween(Page(PageAfter(100)), Page(PageAfter(50))).status().message(), HasSubstr("restarted"));
}

TEST(SampleInterval, IsAQuarterOfASecondButOfLongRunsAFourHundredth) {
  constexpr std::chrono::milliseconds kPage(1);
  EXPECT_EQ(SampleInterval(std::chrono::seconds(1), kPage), std::chrono::milliseconds(250));
  EXPECT_EQ(SampleInterval(std::chrono::seconds(100), kPage), std::chrono::milliseconds(250));
  EXPECT_EQ(SampleInterval(std::chrono::seconds(4000), kPage), std::chrono::seconds(10));
}

TEST(SampleInterval, PagesTakeAHundredthOfTheTime) {
  EXPECT_EQ(SampleInterval(std::chrono::seconds(10), std::chrono::milliseconds(12)), std::chrono::milliseconds(1200));
}

TEST(MetricsWatch, SamplesFromTheFirstPageToTheLast) {
  std::atomic<int> asked{0};
  PageServer server([&](const std::string&) { return OkAnswer(PageAfter(10 * ++asked)); });
  MetricsWatch watch(server.address(), std::chrono::seconds(1));
  while (asked < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const MetricsWatch::Seen seen = watch.Stop();
  EXPECT_EQ(seen.resources.missing, "");
  EXPECT_EQ(static_cast<int>(seen.resources.samples.size()), asked);
  EXPECT_EQ(seen.counters.answered, 10 * (asked - 1));
  double last = -1;
  for (const auto& sample : seen.resources.samples) {
    EXPECT_GT(sample.seconds, last);
    last = sample.seconds;
  }
}

TEST(MetricsWatch, TheLastPageIsOneThatHasBookedEverything) {
  std::atomic<int> asked{0};
  PageServer server([&](const std::string&) {
    const int turn = ++asked;
    return OkAnswer(PageAfter(turn < 4 ? 10 : 20, 1000, turn < 4 ? 1 : 0));
  });
  MetricsWatch watch(server.address(), std::chrono::hours(10));
  EXPECT_EQ(watch.Stop().counters.answered, 10);
  EXPECT_EQ(asked, 4);
}

TEST(MetricsWatch, APageThatIsNotThereIsAskedForOnceAndSaysWhy) {
  const std::string nobody = NobodysAddress();
  MetricsWatch watch(nobody, std::chrono::seconds(1));
  const MetricsWatch::Seen seen = watch.Stop();
  EXPECT_TRUE(seen.resources.samples.empty());
  EXPECT_THAT(seen.resources.missing, HasSubstr(nobody));
  EXPECT_EQ(seen.counters.missing, seen.resources.missing);
}

TEST(MetricsWatch, APageThatGoesAwayLeavesTheSamplesAndNoCounters) {
  auto server = std::make_unique<PageServer>([](const std::string&) { return OkAnswer(PageAfter(1)); });
  MetricsWatch watch(server->address(), std::chrono::hours(10));
  server.reset();
  const MetricsWatch::Seen seen = watch.Stop();
  EXPECT_EQ(seen.resources.samples.size(), 1u);
  EXPECT_EQ(seen.resources.missing, "");
  EXPECT_NE(seen.counters.missing, "");
}

}  // namespace
}  // namespace roberta::loadtest::target
