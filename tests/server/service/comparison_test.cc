#include "server/service/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <limits>

#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using ::testing::HasSubstr;

using CompareOutcome = Outcome<v1::CompareResponse>;

std::shared_ptr<ComparisonCall> CallOf(const std::string& text, const std::vector<std::string>& profiles = {}) {
  auto call = std::make_shared<ComparisonCall>(call::PhaseClock::Clock::now());
  call->request.mutable_item()->set_text(text);
  for (const std::string& profile : profiles) call->request.add_profiles(profile);
  return call;
}

CompareOutcome CompareOn(PuppetServer& server, const std::shared_ptr<ComparisonCall>& call) {
  std::promise<CompareOutcome> promise;
  call->done = [&](CompareOutcome& outcome) { promise.set_value(outcome); };
  server.comparison.Start(call);
  return promise.get_future().get();
}

TEST(Comparison, ComparesEveryProfileThatIsReadyWithTheBaseline) {
  PuppetServer server;
  auto call = CallOf("good");
  call->request.mutable_item()->set_id("mine");
  const CompareOutcome outcome = CompareOn(server, call);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.response.baseline_profile(), "baseline");
  EXPECT_EQ(outcome.response.id(), "mine");
  ASSERT_EQ(outcome.response.comparisons_size(), 1);
  const v1::ProfileComparison& one = outcome.response.comparisons(0);
  EXPECT_EQ(one.profile(), "baseline");
  EXPECT_EQ(one.classification().token_count(), 3u);
  EXPECT_EQ(one.classification().logits(0), 3.0f);
  EXPECT_EQ(one.time_ratio(), 1);
  EXPECT_EQ(one.max_abs_dp(), 0);
  EXPECT_TRUE(one.same_label());
  EXPECT_GT(one.infer_ns(), 0);
  EXPECT_EQ(one.profile_revision(), "puppet-revision");
}

TEST(Comparison, AProfileThatIsNotReadyHasItsStatusAndTheOthersTheirAnswer) {
  PuppetServer server;
  const CompareOutcome outcome = CompareOn(server, CallOf("good", {"quantized", "baseline"}));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  ASSERT_EQ(outcome.response.comparisons_size(), 2);
  EXPECT_EQ(outcome.response.comparisons(0).status().code(), 9);
  EXPECT_THAT(outcome.response.comparisons(0).status().message(), HasSubstr("gate failed"));
  EXPECT_TRUE(outcome.response.comparisons(1).has_classification());
}

TEST(Comparison, EachProfileRunsOnceUntimedAndThreeTimesTimed) {
  int runs = 0;
  PuppetServer server(std::make_shared<PuppetProfile>([&](const encoder::PackedBatch& batch, absl::Span<float> logits) {
    ++runs;
    return PuppetProfile::CountTokens(batch, logits);
  }));
  EXPECT_TRUE(CompareOn(server, CallOf("good")).status.ok());
  EXPECT_EQ(runs, 4);
}

TEST(Comparison, ABackendFailureIsTheProfilesOwn) {
  PuppetServer server(std::make_shared<PuppetProfile>([](const encoder::PackedBatch&, absl::Span<float> logits) {
    logits[0] = std::numeric_limits<float>::quiet_NaN();
    return absl::OkStatus();
  }));
  const CompareOutcome outcome = CompareOn(server, CallOf("good"));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.response.comparisons(0).status().code(), 13);
  EXPECT_EQ(outcome.response.baseline_profile(), "");
}

TEST(Comparison, WhatIsWrongWithTheRequestIsNamed) {
  PuppetServer server;
  const auto problem = [&](const std::shared_ptr<ComparisonCall>& call) {
    const CompareOutcome outcome = CompareOn(server, call);
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInvalidArgument);
    return outcome.problems.empty() ? "" : outcome.problems[0].field;
  };
  EXPECT_EQ(problem(CallOf("")), "item.text");
  EXPECT_EQ(problem(CallOf("a\xff")), "item.text");
  EXPECT_EQ(problem(CallOf("good", {"baseline", "turbo\xff"})), "profiles[1]");
  EXPECT_EQ(problem(CallOf("good", {"baseline", "baseline"})), "profiles[1]");
  EXPECT_EQ(problem(CallOf("good", {""})), "profiles[0]");
  auto call = CallOf("good");
  call->request.set_truncation(7);
  EXPECT_EQ(problem(call), "truncation");
  std::string text;
  for (int i = 0; i < 600; ++i) text += "good ";
  EXPECT_EQ(problem(CallOf(text)), "item.text");
}

TEST(Comparison, ACallNobodyWaitsForNeverRuns) {
  PuppetServer server;
  auto call = CallOf("good");
  call->cancelled = true;
  EXPECT_EQ(CompareOn(server, call).status.code(), absl::StatusCode::kCancelled);
  call = CallOf("good");
  call->deadline = std::chrono::system_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(CompareOn(server, call).status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Comparison, IsRefusedLikeEveryOtherCall) {
  PuppetServer server;
  server.permits.Close();
  EXPECT_EQ(CompareOn(server, CallOf("good")).status.code(), absl::StatusCode::kUnavailable);
}

TEST(Comparison, AutoIsNoProfileToCompare) {
  PuppetServer server;
  auto call = std::make_shared<ComparisonCall>(call::PhaseClock::Clock::now());
  call->request.mutable_item()->set_text("good");
  call->request.add_profiles("auto");
  std::promise<absl::Status> status;
  call->done = [&](CompareOutcome& outcome) { status.set_value(outcome.status); };
  server.comparison.Start(call);
  const absl::Status refused = status.get_future().get();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(refused.message()).rfind("profiles[0]: \"auto\" chooses one profile", 0), 0u) << refused;
}

}  // namespace
}  // namespace roberta::service
