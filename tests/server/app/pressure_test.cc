// Brown-out, shadow traffic and rates of the real server on the demo model.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "server/app/options.h"
#include "tests/server/app/running_server.h"
#include "tests/server/metrics/exposed_metrics.h"
#include "tests/server/metrics/exposition.h"

namespace roberta::app {
namespace {

using ::testing::HasSubstr;

config::ServerConfig ConfigWith(const std::string& text) {
  config::ServerConfig config = config::ParseConfig(text, config::Format::kTextProto, "test").value();
  config::CompleteConfig({.model_directory = test_paths::QuickDemoModel(),
                          .port = 0,
                          .metrics_port = 0,
                          .http_port = 0,
                          .profiles = {"baseline", "quantized"}},
                         2, KnownRecipes(), &config);
  return config;
}

v1::ClassifyRequest Texts(int count) {
  v1::ClassifyRequest request;
  for (int i = 0; i < count; ++i) {
    request.add_items()->set_text(i % 2 == 0 ? "a warm, funny and deeply moving film" : "a dull, lifeless mess");
  }
  return request;
}

std::string Scrape(const RunningServer& running) {
  return metrics::Get(running.server->metrics_port(), "/metrics");
}

/// The value of a series, as text.
std::string Metric(const RunningServer& running, const std::string& series) {
  const std::string page = Scrape(running), line = "\nroberta_" + series + " ";
  const size_t at = page.find(line);
  if (at == std::string::npos) return "absent";
  const size_t begin = at + line.size();
  return page.substr(begin, page.find('\n', begin) - begin);
}

TEST(Pressure, AStreamWaitsForTheRateOfItsCallerAndIsAnsweredWhole) {
  RunningServer running(ConfigWith("limits { caller_items_per_second: 200 }"));
  const auto start = std::chrono::steady_clock::now();
  grpc::ClientContext context;
  const auto stream = running.classifier->ClassifyStream(&context);
  v1::ClassifyStreamRequest message;
  *message.mutable_items() = Texts(100).items();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(stream->Write(message));
  stream->WritesDone();
  int results = 0;
  for (v1::ClassifyStreamResponse response; stream->Read(&response);) results += response.results_size();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(results, 400);
  // 200 of the 400 are those of the first second.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(900));
}

TEST(Pressure, BrownOutAndShadowTrafficAreOffByDefault) {
  RunningServer running(ConfigWith(""));
  const auto answer = running.Classify(Texts(20));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.profile_reason(), "default");
  EXPECT_EQ(answer.response.brown_out_level(), 0u);
  EXPECT_FALSE(answer.response.shadowed());
  const std::string page = Scrape(running);
  for (const char* line : {"roberta_brown_out_level 0\n", "roberta_brown_out_changes_total{reason=\"pressure\"} 0\n",
                           "roberta_shadow_compared_total{agree=\"true\",profile=\"quantized\"} 0\n",
                           "roberta_shadow_dropped_total{reason=\"limit\"} 0\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST(BrownOut, UnderPressureTheLadderAnswersAndAfterItTheDefaultAgain) {
  RunningServer running(ConfigWith(R"(brown_out { enabled: true ladder: "quantized" step_down_at_ms: 2
                                                  step_down_after_ms: 1 step_up_at_ms: 1 step_up_after_ms: 1 })"));
  std::atomic<bool> pressed{true};
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      while (pressed) EXPECT_TRUE(running.Classify(Texts(1000)).status.ok());
    });
  }
  v1::ClassifyResponse response;
  while (response.brown_out_level() == 0) response = running.Classify(Texts(1)).response;
  pressed = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(response.profile_used(), "quantized");
  EXPECT_EQ(response.profile_reason(), "brown_out");
  EXPECT_NE(Metric(running, "brown_out_changes_total{reason=\"pressure\"}"), "0");

  while (Metric(running, "brown_out_level") != "0") std::this_thread::yield();  // nobody calls
  response = running.Classify(Texts(1)).response;
  EXPECT_EQ(response.profile_used(), "baseline");
  EXPECT_EQ(response.profile_reason(), "default");
  EXPECT_EQ(response.brown_out_level(), 0u);
  EXPECT_NE(Metric(running, "brown_out_changes_total{reason=\"relief\"}"), "0");
}

TEST(Shadow, AgreementOfTheSecondProfileIsCounted) {
  RunningServer running(ConfigWith(R"(shadow { profile: "quantized" fraction: 1 })"));
  const auto answer = running.Classify(Texts(20));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.profile_used(), "baseline");
  EXPECT_TRUE(answer.response.shadowed());
  while (Metric(running, "shadow_compared_total{agree=\"true\",profile=\"quantized\"}") != "20") {
    std::this_thread::yield();
  }
  EXPECT_EQ(Metric(running, "shadow_compared_total{agree=\"false\",profile=\"quantized\"}"), "0");
  EXPECT_EQ(Metric(running, "shadow_agreement_ratio{profile=\"quantized\"}"), "1");
  EXPECT_EQ(Metric(running, "requests_total{code=\"OK\",method=\"Classify\",profile=\"quantized\"}"), "0");
}

TEST(Shadow, TheDrainDoesNotWaitForIt) {
  RunningServer running(ConfigWith(R"(shadow { profile: "quantized" fraction: 1 max_items_in_flight: 100000 })"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(running.Classify(Texts(1000)).response.shadowed());
  EXPECT_TRUE(running.server->Drain(std::chrono::milliseconds(0), std::chrono::minutes(1)));
  const auto sum = [&](const char* name) { return metrics::SumOf(Scrape(running), name); };
  while (sum("roberta_shadow_compared_total") + sum("roberta_shadow_dropped_total") < 4000) std::this_thread::yield();
  if (sum("roberta_shadow_compared_total") == 4000) GTEST_SKIP() << "all of it had run before this thread went on";
  EXPECT_NE(Metric(running, "shadow_dropped_total{reason=\"draining\"}"), "0");
}

}  // namespace
}  // namespace roberta::app
