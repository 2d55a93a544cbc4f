#include "server/service/brown_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using namespace std::chrono_literals;

/// A clock that stands until it is set forward. Any thread may look.
class StandingClock {
 public:
  batching::Clock::time_point now() const { return batching::Clock::time_point(ns_.load() * 1ns); }
  void Pass(std::chrono::nanoseconds time) { ns_ += time.count(); }

 private:
  std::atomic<int64_t> ns_ = std::chrono::nanoseconds(1000s).count();
};

const admission::BrownOutOptions kThresholds = {
    .step_down_at = 1us, .step_down_after = 1us, .step_up_at = 0ns, .step_up_after = 10s};

/// A ladder beside a queue that nobody works off.
class BrownOutLadderTest : public testing::Test {
 protected:
  BrownOutLadder Ladder(std::vector<std::string> profiles, size_t executors = 1,
                        admission::BrownOutOptions thresholds = kThresholds) {
    return BrownOutLadder({.profiles = std::move(profiles),
                           .executors = executors,
                           .thresholds = thresholds,
                           .now = [this] { return clock_.now(); }},
                          {.registry = &registry_, .queue = &queue_, .metrics = &metrics_});
  }
  /// The queue gets 1000 tokens of work that are not worked off.
  void Fill() {
    auto job = std::make_shared<batching::Job>();
    job->token_ids.resize(1000);
    job->lengths = {1000};
    ASSERT_EQ(queue_.Push(job), batching::PushResult::kTaken);
  }
  /// Who answers when pressure has lasted.
  std::optional<BrownOutLadder::Step> AfterPressure(BrownOutLadder& ladder) {
    ladder.Arrive();
    clock_.Pass(1us);
    return ladder.Arrive();
  }

  StandingClock clock_;
  PuppetRegistry registry_{std::make_shared<PuppetProfile>()};
  batching::BatchQueue queue_{{.profiles = 3}};
  metrics::ServerMetrics metrics_{{.profiles = registry_.names()}};
};

TEST_F(BrownOutLadderTest, WithoutPressureTheDefaultAnswers) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized"});
  EXPECT_FALSE(AfterPressure(ladder));
}

TEST_F(BrownOutLadderTest, UnderPressureTheFirstStepAnswers) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized"});
  Fill();
  const auto step = AfterPressure(ladder);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->profile.name, "quantized");
  EXPECT_EQ(step->level, 1u);
}

TEST_F(BrownOutLadderTest, AProfileThatIsNotReadyIsNoStep) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"integrated", "quantized"});
  Fill();
  const auto step = AfterPressure(ladder);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->profile.name, "quantized");
  EXPECT_EQ(step->level, 1u);
}

TEST_F(BrownOutLadderTest, WhereNoneIsReadyTheDefaultAnswers) {
  BrownOutLadder ladder = Ladder({"integrated", "quantized"});
  Fill();
  EXPECT_FALSE(AfterPressure(ladder));
}

TEST_F(BrownOutLadderTest, AStepThatIsUnloadedIsLeftAtOnce) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized"});
  Fill();
  ASSERT_TRUE(AfterPressure(ladder));
  registry_.SetQuantized(nullptr);
  EXPECT_FALSE(ladder.Arrive());
  EXPECT_EQ(ladder.level(), 0u);
}

TEST_F(BrownOutLadderTest, NoStepLeadsToTheDefaultProfileOrBackAboveIt) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized", "baseline"});  // the default is baseline
  Fill();
  EXPECT_FALSE(AfterPressure(ladder));
}

TEST_F(BrownOutLadderTest, PressureIsTheTimeThatAllExecutorsTakeTogether) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  Fill();
  admission::BrownOutOptions thresholds = kThresholds;
  thresholds.step_down_at = queue_.waiting_work() / 2;
  BrownOutLadder one = Ladder({"quantized"}, 1, thresholds), four = Ladder({"quantized"}, 4, thresholds);
  EXPECT_TRUE(AfterPressure(one));
  EXPECT_FALSE(AfterPressure(four));
}

TEST_F(BrownOutLadderTest, WorkThatArrivesIsPressureBeforeTheNextCallComes) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized"});
  Fill();
  ladder.WorkArrived();
  clock_.Pass(1us);
  EXPECT_TRUE(ladder.Arrive());
}

TEST_F(BrownOutLadderTest, WhenTrafficHasCeasedTheLevelFallsUnasked) {
  registry_.SetQuantized(std::make_shared<PuppetProfile>());
  BrownOutLadder ladder = Ladder({"quantized"});
  Fill();
  ASSERT_TRUE(AfterPressure(ladder));
  EXPECT_EQ(ladder.level(), 1u);
  clock_.Pass(1h);
  EXPECT_EQ(ladder.level(), 0u);
}

/// A service with a brown-out over a puppet whose first batch blocks until it is released.
struct HeldCore {
  HeldCore()
      : server(std::make_shared<PuppetProfile>([this](const encoder::PackedBatch& batch, absl::Span<float> logits) {
          if (!held.exchange(true)) {
            entered.set_value();
            release.get_future().wait();
          }
          return PuppetProfile::CountTokens(batch, logits);
        })) {
    server.registry.SetQuantized(std::make_shared<PuppetProfile>());
    ladder.emplace(
        BrownOutLadderOptions{
            .profiles = {"quantized"}, .thresholds = kThresholds, .now = [this] { return clock.now(); }},
        server.parts);
    Parts parts = server.parts;
    parts.brown_out = &*ladder;
    classification.emplace(parts);
    first = Start(PuppetServer::Call({"good"}));
    entered.get_future().wait();
  }

  std::future<CallOutcome> Start(const std::shared_ptr<ClassifyCall>& call) {
    auto promise = std::make_shared<std::promise<CallOutcome>>();
    call->done = [promise](CallOutcome& outcome) { promise->set_value(outcome); };
    classification->Start(call);
    return promise->get_future();
  }
  /// Starts a call and returns when it waits in the queue.
  std::future<CallOutcome> StartWaiting(const std::shared_ptr<ClassifyCall>& call) {
    const auto count = [this] {
      size_t items = 0;
      for (const auto& profile : server.queue.depth().items) items += profile[1];
      return items;
    };
    const size_t before = count();
    std::future<CallOutcome> outcome = Start(call);
    while (count() == before) std::this_thread::yield();
    return outcome;
  }
  /// Brings the brown-out to its first level.
  void Press() {
    for (int i = 0; i < 2; ++i)
      waiting.push_back(StartWaiting(PuppetServer::Call(std::vector<std::string>(9, "good"))));
    clock.Pass(1us);  // the second call has seen the first one wait
  }

  StandingClock clock;
  std::atomic<bool> held{false};
  std::promise<void> entered, release;
  std::optional<BrownOutLadder> ladder;  // these two before the server, whose pools use them
  std::optional<Classification> classification;
  PuppetServer server;
  std::future<CallOutcome> first;
  std::vector<std::future<CallOutcome>> waiting;
};

TEST(BrownOut, ACallThatNamesNoProfileIsAnsweredByTheLadderAndSaysSo) {
  HeldCore held;
  held.Press();
  std::future<CallOutcome> outcome = held.StartWaiting(PuppetServer::Call({"good"}));
  held.release.set_value();
  const v1::ClassifyResponse response = outcome.get().response;
  EXPECT_EQ(response.profile_used(), "quantized");
  EXPECT_EQ(response.profile_revision(), "q");
  EXPECT_EQ(response.profile_reason(), "brown_out");
  EXPECT_EQ(response.profile_requested(), "");
  EXPECT_EQ(response.brown_out_level(), 1u);
  EXPECT_EQ(held.first.get().response.brown_out_level(), 0u);
}

TEST(BrownOut, ACallThatNamesItsProfileIsAnsweredByIt) {
  HeldCore held;
  held.Press();
  auto by_field = PuppetServer::Call({"good"}), by_metadata = PuppetServer::Call({"good"});
  by_field->request.set_profile("baseline");
  by_metadata->metadata_profile = "baseline";
  ASSERT_EQ(held.ladder->level(), 1u);
  for (const auto& call : {by_field, by_metadata}) held.waiting.push_back(held.StartWaiting(call));
  held.release.set_value();
  for (size_t i = 2; i < 4; ++i) {
    const v1::ClassifyResponse response = held.waiting[i].get().response;
    EXPECT_EQ(response.profile_used(), "baseline");
    EXPECT_NE(response.profile_reason(), "brown_out");
    EXPECT_EQ(response.brown_out_level(), 0u);
  }
}

TEST(BrownOut, WhenPressureIsGoneTheDefaultAnswersAgain) {
  HeldCore held;
  held.Press();
  held.waiting.push_back(held.StartWaiting(PuppetServer::Call({"good"})));
  held.release.set_value();
  for (std::future<CallOutcome>& outcome : held.waiting) outcome.get();
  held.clock.Pass(1h);
  const v1::ClassifyResponse response = held.Start(PuppetServer::Call({"good"})).get().response;
  EXPECT_EQ(response.profile_used(), "baseline");
  EXPECT_EQ(response.profile_reason(), "default");
  EXPECT_EQ(response.brown_out_level(), 0u);
}

}  // namespace
}  // namespace roberta::service
