#include "server/metrics/process_metrics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/server/metrics/exposed_metrics.h"

namespace roberta::metrics {
namespace {

/// The value of a series without labels.
double ValueOf(const std::string& page, const std::string& name) {
  const size_t at = page.find("\n" + name + " ");
  EXPECT_NE(at, std::string::npos) << name;
  return at == std::string::npos ? 0 : std::stod(page.substr(at + name.size() + 2));
}

TEST(ProcessMetrics, MemoryFollowsItsUse) {
  ServerMetrics metrics({});
  const double before = ValueOf(metrics.Scrape(), "process_resident_memory_bytes");
  const std::vector<char> memory(64 << 20, 'x');
  const std::string page = metrics.Scrape();
  EXPECT_GT(ValueOf(page, "process_resident_memory_bytes"), before + (32 << 20));
  EXPECT_GE(ValueOf(page, "process_virtual_memory_bytes"), ValueOf(page, "process_resident_memory_bytes"));
}

TEST(ProcessMetrics, AnOpenFileCounts) {
  ServerMetrics metrics({});
  const std::string before = metrics.Scrape();
  const int open_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const std::string page = metrics.Scrape();
  close(open_fd);
  EXPECT_EQ(ValueOf(page, "process_open_fds"), ValueOf(before, "process_open_fds") + 1);
  EXPECT_GT(ValueOf(page, "process_max_fds"), ValueOf(page, "process_open_fds"));
}

TEST(ProcessMetrics, ProcessorTimeGrows) {
  ServerMetrics metrics({});
  double last = ValueOf(metrics.Scrape(), "process_cpu_seconds_total");
  EXPECT_GT(last, 0);
  for (int i = 0; i < 5; ++i) {
    const double next = ValueOf(metrics.Scrape(), "process_cpu_seconds_total");
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(ProcessMetrics, TheProcessStartedBeforeNowAndAfterTheMachine) {
  ServerMetrics metrics({});
  const double started = ValueOf(metrics.Scrape(), "process_start_time_seconds");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_LE(started, std::chrono::duration<double>(now).count() + 1);  // the kernel counts in hundredths
  timespec since_boot = {};
  ASSERT_EQ(clock_gettime(CLOCK_BOOTTIME, &since_boot), 0);
  EXPECT_GE(started, std::chrono::duration<double>(now).count() - static_cast<double>(since_boot.tv_sec) - 3);
}

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(BuildMetrics, EachScrapeReadsTheNumberOfPrimitives) {
  static int64_t created = 3;
  const ExposedMetrics exposed({.computation = {.primitives_created = [] { return created; }}});
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_kernel_primitives_created_total 3"));
  created = 5;
  EXPECT_THAT(exposed.Scrape(), HasSubstr("roberta_kernel_primitives_created_total 5"));
}

TEST(BuildMetrics, NameTheBuild) {
  const ExposedMetrics exposed({.computation = {.libtorch = "1.13.0", .onednn = "2.6.0", .isa = "avx2"}});
  EXPECT_THAT(exposed.Scrape(), ContainsRegex("roberta_build_info\\{git=\"[^\"]+\",isa=\"avx2\",libtorch=\"1.13.0\","
                                              "onednn=\"2.6.0\",version=\"[0-9.]+\"\\} 1\n"));
}

}  // namespace
}  // namespace roberta::metrics
