#include "server/service/profile_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/service/puppet_server.h"

namespace roberta::service {

using call::ReasonOf;
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// `baseline`, of accuracy 0.9, and `quantized`, of 0.8, both READY.
class AutoProfileTest : public testing::Test {
 protected:
  AutoProfileTest() { call_->request.set_profile("auto"); }

  void SetCosts(double baseline_ns_per_token, double quantized_ns_per_token) {
    server_.queue.SeedCost(0, baseline_ns_per_token);
    server_.queue.SeedCost(1, quantized_ns_per_token);
  }
  internal::RawObjective* objective() { return call_->request.mutable_objective(); }
  CallOutcome Run() { return server_.Run(call_); }

  PuppetServer server_{std::make_shared<PuppetProfile>(), 64, {}, 1, std::make_shared<PuppetProfile>()};
  std::shared_ptr<ClassifyCall> call_ = PuppetServer::Call({"good"});
};

TEST_F(AutoProfileTest, IsTheMostAccurateInTimeAndSaysSo) {
  const CallOutcome outcome = Run();
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.response.profile_requested(), "auto");
  EXPECT_EQ(outcome.response.profile_used(), "baseline");
  EXPECT_EQ(outcome.response.profile_reason(), "auto: most accurate in time");
}

TEST_F(AutoProfileTest, MayComeFromTheMetadata) {
  call_->request.clear_profile();
  call_->metadata_profile = "auto";
  objective()->set_min_agreement(0.5);
  EXPECT_EQ(Run().response.profile_requested(), "auto");
}

TEST_F(AutoProfileTest, LeavesOutWhatWouldMissTheLatency) {
  SetCosts(1e9, 1e3);
  objective()->set_max_latency_ms(1000);
  const CallOutcome outcome = Run();
  EXPECT_EQ(outcome.response.profile_used(), "quantized");
  EXPECT_EQ(outcome.response.profile_reason(), "auto: most accurate in time");
}

TEST_F(AutoProfileTest, LeavesOutWhatWouldMissTheDeadline) {
  SetCosts(3600e9, 1e3);
  call_->deadline = std::chrono::system_clock::now() + 60s;
  EXPECT_EQ(Run().response.profile_used(), "quantized");
}

TEST_F(AutoProfileTest, IsTheFastestWhereNoneMeetsTheLatency) {
  SetCosts(1e9, 1e7);
  objective()->set_max_latency_ms(1);
  const CallOutcome outcome = Run();
  EXPECT_EQ(outcome.response.profile_used(), "quantized");
  EXPECT_EQ(outcome.response.profile_reason(), "auto: fastest");
}

TEST_F(AutoProfileTest, IsRefusedWhereNoneMeetsTheDeadline) {
  SetCosts(3600e9, 3600e9);
  call_->deadline = std::chrono::system_clock::now() + 60s;
  const CallOutcome outcome = Run();
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_STREQ(ReasonOf(outcome.status), "predicted_too_late");
}

TEST_F(AutoProfileTest, IsAFailedPreconditionWhereNoneIsAccurateEnough) {
  objective()->set_min_accuracy(0.95);
  const CallOutcome outcome = Run();
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(outcome.status.message()),
            "objective: no READY profile reaches min_accuracy 0.95; baseline has accuracy 0.9, agreement 1; quantized "
            "has accuracy 0.8, agreement 0.95");
}

TEST_F(AutoProfileTest, IsTheOnlyProfileThatTakesAnObjective) {
  call_->request.set_profile("baseline");
  objective()->set_min_accuracy(0.5);
  const CallOutcome outcome = Run();
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome.problems[0].field, "objective");
}

TEST_F(AutoProfileTest, AnObjectiveOutOfRangeIsNamed) {
  objective()->set_min_accuracy(1.5);
  EXPECT_THAT(std::string(Run().status.message()),
              HasSubstr("objective.min_accuracy: 1.5; it must be between 0 and 1"));
  auto second = PuppetServer::Call({"good"});
  second->request.set_profile("auto");
  second->request.mutable_objective()->set_max_latency_ms(0);
  EXPECT_THAT(std::string(server_.Run(second).status.message()), HasSubstr("objective.max_latency_ms: 0"));
}

TEST(AutoProfile, LeavesOutWhatIsNotReady) {
  PuppetServer server;
  server.queue.SeedCost(0, 1e9);
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("auto");
  call->request.mutable_objective()->set_max_latency_ms(1);
  EXPECT_EQ(server.Run(call).response.profile_used(), "baseline");
}

}  // namespace
}  // namespace roberta::service
