#include "server/metrics/server_metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <string>

namespace roberta::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// GET `path` from the loopback port, headers included.
std::string Get(uint16_t port, const std::string& path) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(socket_fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t got; (got = read(socket_fd, buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<size_t>(got));
  close(socket_fd);
  return answer;
}

class ServerMetricsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto port = metrics_.Expose("127.0.0.1", 0);
    ASSERT_TRUE(port.ok()) << port.status();
    port_ = *port;
  }
  std::string Scrape() const { return Get(port_, "/metrics"); }

  ServerMetrics metrics_{{"baseline", "quantized"}};
  uint16_t port_ = 0;
};

TEST_F(ServerMetricsTest, EverySeriesExistsFromTheStart) {
  const std::string page = Scrape();
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"UNAVAILABLE\",method=\"Classify\",profile=\"quantized\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"baseline\"} 0"));
  EXPECT_THAT(page, HasSubstr("roberta_build_info{"));
}

TEST_F(ServerMetricsTest, NamesAreTheContracts) {
  std::set<std::string> names;
  std::istringstream page(Scrape());
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("# TYPE roberta_")) names.insert(line.substr(7, line.find(' ', 7) - 7));
  }
  EXPECT_EQ(names,
            (std::set<std::string>{
                "roberta_batch_items", "roberta_batch_tokens", "roberta_batches_total", "roberta_build_info",
                "roberta_inflight_requests", "roberta_input_tokens", "roberta_items_total",
                "roberta_kernel_primitives_created_total", "roberta_phase_duration_seconds",
                "roberta_profile_agreement_ratio", "roberta_profile_load_duration_seconds", "roberta_profile_ready",
                "roberta_request_duration_seconds", "roberta_requests_total", "roberta_truncated_items_total"}));
}

TEST_F(ServerMetricsTest, CountsACallWithItsPhases) {
  PhaseClock clock(PhaseClock::Clock::now());
  clock.End(Phase::kInfer);
  metrics_.CallStarted();
  EXPECT_THAT(Scrape(), HasSubstr("roberta_inflight_requests 1"));
  metrics_.CallEnded(Method::kClassify, "baseline", absl::StatusCode::kOk, clock);
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_requests_total{code=\"OK\",method=\"Classify\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_phase_duration_seconds_count{phase=\"infer\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_inflight_requests 0"));
}

TEST_F(ServerMetricsTest, ANameNobodyKnowsMakesNoSeries) {
  metrics_.CallStarted();
  metrics_.CallEnded(Method::kClassify, "x\"}evil", absl::StatusCode::kInvalidArgument,
                     PhaseClock(PhaseClock::Clock::now()));
  const std::string page = Scrape();
  EXPECT_THAT(page, Not(HasSubstr("evil")));
  EXPECT_THAT(page,
              HasSubstr("roberta_requests_total{code=\"INVALID_ARGUMENT\",method=\"Classify\",profile=\"none\"} 1"));
}

TEST(PrimitivesCreated, AreAskedForAtEachScrape) {
  static int64_t created = 3;
  ServerMetrics metrics({"baseline"}, [] { return created; });
  const uint16_t port = metrics.Expose("127.0.0.1", 0).value();
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_kernel_primitives_created_total 3"));
  created = 5;
  EXPECT_THAT(Get(port, "/metrics"), HasSubstr("roberta_kernel_primitives_created_total 5"));
}

TEST_F(ServerMetricsTest, CountsItemsAndBatches) {
  metrics_.CountItems("baseline", {.answered = 3, .failed = 1, .truncated = 2, .tokens = 40});
  metrics_.CountBatch("baseline", 3, 40);
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"answered\",profile=\"baseline\"} 3"));
  EXPECT_THAT(page, HasSubstr("roberta_items_total{outcome=\"failed\",profile=\"baseline\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_truncated_items_total 2"));
  EXPECT_THAT(page, HasSubstr("roberta_batch_tokens_sum{profile=\"baseline\"} 40"));
}

TEST_F(ServerMetricsTest, SaysHowAProfileIs) {
  EXPECT_THAT(Scrape(), HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} Nan"));
  metrics_.SetProfile("quantized", {.ready = true, .agreement_ratio = 0.5, .load_seconds = 2});
  metrics_.SetProfile("nobody", {.ready = true});
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_profile_ready{profile=\"quantized\"} 1"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_agreement_ratio{profile=\"quantized\"} 0.5"));
  EXPECT_THAT(page, HasSubstr("roberta_profile_load_duration_seconds{profile=\"quantized\"} 2"));
}

TEST_F(ServerMetricsTest, ACompareCallIsInFlightUntilItEnds) {
  metrics_.CallStarted();
  metrics_.CallEnded(Method::kCompare, {}, absl::StatusCode::kOk, PhaseClock(PhaseClock::Clock::now()));
  const std::string page = Scrape();
  EXPECT_THAT(page, HasSubstr("roberta_inflight_requests 0"));
  EXPECT_THAT(page, HasSubstr("roberta_requests_total{code=\"OK\",method=\"Compare\",profile=\"none\"} 1"));
}

TEST_F(ServerMetricsTest, APortInUseIsAnError) {
  ServerMetrics second({"baseline"});
  const auto port = second.Expose("127.0.0.1", port_);
  EXPECT_EQ(port.status().code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace roberta::metrics
