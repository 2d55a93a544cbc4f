#include "server/service/shadow_traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <optional>
#include <thread>

#include "tests/server/metrics/exposed_metrics.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

/// A puppet that gives texts of more than three tokens another label than PuppetProfile::CountTokens does.
absl::Status DifferOnLongTexts(const encoder::PackedBatch& batch, absl::Span<float> logits) {
  for (size_t i = 0; i < batch.sequences(); ++i) {
    const bool is_long = batch.sequence(i).size() > 3;
    logits[2 * i] = is_long ? 0.0f : 1.0f;
    logits[2 * i + 1] = is_long ? 1.0f : 0.0f;
  }
  return absl::OkStatus();
}

/// A service whose calls run again on a puppet called `quantized`.
struct ShadowedServer {
  explicit ShadowedServer(PuppetProfile::Behavior second = DifferOnLongTexts, ShadowOptions options = {},
                          size_t executor_threads = 1, PuppetProfile::Behavior first = PuppetProfile::CountTokens)
      : server(std::make_shared<PuppetProfile>(std::move(first)), 64, {}, executor_threads) {
    server.registry.SetQuantized(std::make_shared<PuppetProfile>(std::move(second)));
    if (options.profile.empty()) options.profile = "quantized";
    if (options.fraction == 0) options.fraction = 1;
    shadow.emplace(options, server.parts);
    Parts parts = server.parts;
    parts.shadow = &*shadow;
    classification.emplace(parts);
    port = server.metrics.Expose("127.0.0.1", 0, true).value();
  }

  v1::ClassifyResponse Run(const std::shared_ptr<ClassifyCall>& call) {
    std::promise<CallOutcome> promise;
    call->done = [&promise](CallOutcome& outcome) { promise.set_value(outcome); };
    classification->Start(call);
    const CallOutcome outcome = promise.get_future().get();
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    return outcome.response;
  }
  v1::ClassifyResponse Run(const std::vector<std::string>& texts) { return Run(PuppetServer::Call(texts)); }

  int Metric(const std::string& series) const {
    const std::string page = metrics::Get(port, "/metrics"), line = "\nroberta_shadow_" + series + " ";
    const size_t at = page.find(line);
    EXPECT_NE(at, std::string::npos) << series;
    return std::stoi(page.substr(at + line.size()));
  }
  int Agreed() const { return Metric("compared_total{agree=\"true\",profile=\"quantized\"}"); }
  int Differed() const { return Metric("compared_total{agree=\"false\",profile=\"quantized\"}"); }
  int Dropped(const std::string& reason) const { return Metric("dropped_total{reason=\"" + reason + "\"}"); }
  /// Waits until that many items were compared or dropped.
  void WaitForItems(int items) const {
    while (Agreed() + Differed() + Dropped("limit") + Dropped("draining") + Dropped("not_ready") + Dropped("failed") <
           items) {
      std::this_thread::yield();
    }
  }

  std::optional<ShadowTraffic> shadow;  // these two before the server, whose pools use them
  std::optional<Classification> classification;
  PuppetServer server;
  uint16_t port = 0;
};

/// A second profile that is blocked in its first batch until it is released.
struct Hold {
  PuppetProfile::Behavior Behavior() {
    return [this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
      if (!held.exchange(true)) {
        entered.set_value();
        release.get_future().wait();
      }
      return DifferOnLongTexts(batch, logits);
    };
  }
  std::atomic<bool> held{false};
  std::promise<void> entered, release;
};

TEST(ShadowTraffic, CountsItemsOnWhichTheSecondProfileAgreesAndDiffers) {
  ShadowedServer server;
  server.Run({"good", "not good at all", "bad"});
  server.WaitForItems(3);
  EXPECT_EQ(server.Agreed(), 2);
  EXPECT_EQ(server.Differed(), 1);
}

TEST(ShadowTraffic, TheAnswerIsOfTheFirstProfileAndSaysThatItRunsAgain) {
  ShadowedServer server;
  const v1::ClassifyResponse response = server.Run({"not good at all"});
  EXPECT_TRUE(response.shadowed());
  EXPECT_EQ(response.profile_used(), "baseline");
  EXPECT_EQ(response.results(0).classification().index(), 0);
}

TEST(ShadowTraffic, LabelsAreComparedWhateverFunctionTheCallAskedFor) {
  ShadowedServer server([](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    return PuppetProfile::CountTokens(batch, logits);
  });
  for (const v1::FunctionToApply function : {v1::FUNCTION_NONE, v1::FUNCTION_SIGMOID, v1::FUNCTION_SOFTMAX}) {
    auto call = PuppetServer::Call({"good"});
    call->request.set_function_to_apply(function);
    server.Run(call);
  }
  server.WaitForItems(3);
  EXPECT_EQ(server.Agreed(), 3);
}

TEST(ShadowTraffic, ACallThatTheSecondProfileAnsweredDoesNotRunAgain) {
  ShadowedServer server;
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("quantized");
  EXPECT_FALSE(server.Run(call).shadowed());
  server.Run({"good"});
  server.WaitForItems(1);
  EXPECT_EQ(server.Agreed(), 1);
}

TEST(ShadowTraffic, OfACallWithBadItemsTheGoodOnesRunAgain) {
  ShadowedServer server;
  auto call = PuppetServer::Call({"good", "", "not good at all"});
  call->request.set_allow_partial(true);
  server.Run(call);
  server.WaitForItems(2);
  EXPECT_EQ(server.Agreed(), 1);
  EXPECT_EQ(server.Differed(), 1);
}

TEST(ShadowTraffic, ItHoldsNoPermit) {
  Hold hold;
  ShadowedServer server(hold.Behavior());
  server.Run({"good"});
  hold.entered.get_future().wait();
  EXPECT_TRUE(server.server.permits.WaitUntilIdle(std::chrono::seconds(60)));
  hold.release.set_value();
}

TEST(ShadowTraffic, WhatWouldWaitBeyondTheLimitIsDroppedAndNotTold) {
  Hold hold;
  ShadowedServer server(hold.Behavior(), {.max_items_in_flight = 2}, 2);
  EXPECT_TRUE(server.Run({"good", "bad"}).shadowed());
  hold.entered.get_future().wait();
  EXPECT_FALSE(server.Run({"good"}).shadowed());
  EXPECT_EQ(server.Dropped("limit"), 1);
  hold.release.set_value();
  server.WaitForItems(3);
  EXPECT_TRUE(server.Run({"good"}).shadowed());
}

TEST(ShadowTraffic, WhatWaitsWhenTheServerStopsIsDropped) {
  Hold hold;
  ShadowedServer server(hold.Behavior());
  server.Run(std::vector<std::string>(10, "good"));  // five of them fill a batch here
  hold.entered.get_future().wait();
  server.shadow->Stop();
  hold.release.set_value();
  server.WaitForItems(10);
  EXPECT_EQ(server.Agreed(), 5);
  EXPECT_EQ(server.Dropped("draining"), 5);
}

TEST(ShadowTraffic, AfterTheStopNothingRunsAgain) {
  ShadowedServer server;
  server.shadow->Stop();
  EXPECT_FALSE(server.Run({"good"}).shadowed());
  EXPECT_EQ(server.Dropped("draining"), 1);
}

TEST(ShadowTraffic, WhereTheSecondProfileIsNotReadyItemsAreDropped) {
  ShadowedServer server;
  server.server.registry.SetQuantized(nullptr);
  EXPECT_FALSE(server.Run({"good", "bad"}).shadowed());
  EXPECT_EQ(server.Dropped("not_ready"), 2);
}

TEST(ShadowTraffic, WhatTheSecondProfileFailsAtIsNoDifference) {
  ShadowedServer server([](const encoder::PackedBatch&, absl::Span<float> logits) {
    std::fill(logits.begin(), logits.end(), std::numeric_limits<float>::quiet_NaN());
    return absl::OkStatus();
  });
  server.Run({"good"});
  server.WaitForItems(1);
  EXPECT_EQ(server.Dropped("failed"), 1);
  EXPECT_EQ(server.Differed(), 0);
}

TEST(ShadowTraffic, TheSeedSettlesWhichCallsRunAgain) {
  std::vector<std::vector<bool>> chosen;
  for (const uint64_t seed : {7, 7, 8}) {
    ShadowedServer server(DifferOnLongTexts, {.fraction = 0.5, .seed = seed});
    std::vector<bool>& calls = chosen.emplace_back();
    for (int i = 0; i < 50; ++i) calls.push_back(server.Run({"good"}).shadowed());
  }
  EXPECT_EQ(chosen[0], chosen[1]);
  EXPECT_NE(chosen[0], chosen[2]);
}

TEST(ShadowTraffic, IsNotThereUnlessAskedFor) {
  PuppetServer server;
  EXPECT_FALSE(server.Run(PuppetServer::Call({"good"})).response.shadowed());
}

TEST(ShadowTraffic, ACallGoesBeforeShadowTrafficThatWaitsAlready) {
  Hold hold;
  std::atomic<int> second_runs{0};
  std::vector<int> second_runs_before;  // each run of the first profile
  ShadowedServer server(
      [&, held = hold.Behavior()](const encoder::PackedBatch& batch, absl::Span<float> logits) {
        ++second_runs;
        return held(batch, logits);
      },
      {}, 1,
      [&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
        second_runs_before.push_back(second_runs);
        return PuppetProfile::CountTokens(batch, logits);
      });
  server.Run(std::vector<std::string>(20, "good"));  // four batches, of which one runs again at once
  hold.entered.get_future().wait();
  std::promise<void> answered;
  auto call = PuppetServer::Call({"good"});
  call->done = [&](CallOutcome&) { answered.set_value(); };
  server.classification->Start(call);
  while (server.server.queue.depth().items[0][1] == 0) std::this_thread::yield();
  hold.release.set_value();
  answered.get_future().wait();
  server.WaitForItems(21);
  EXPECT_EQ(second_runs_before, (std::vector<int>{0, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace roberta::service
