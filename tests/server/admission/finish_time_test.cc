#include "server/admission/estimates.h"

#include <gtest/gtest.h>

namespace roberta::admission {
namespace {

constexpr double kTokenNs = 1e6;  // ns, of every profile here
const Discipline kOneExecutor = {.executors = 1, .policy = {.max_batch_tokens = 10, .long_item_tokens = 0}};
const Discipline kTwoExecutors = {.executors = 2, .policy = {.max_batch_tokens = 10, .long_item_tokens = 0}};

/// Profiles without overhead that cost kTokenNs a token, with what waits for each by priority.
std::vector<ProfileWork> Waiting(const std::vector<std::array<double, call::kCallPriorities>>& tokens) {
  std::vector<ProfileWork> profiles;
  for (const auto& own : tokens) {
    profiles.push_back({.tokens = own});
    profiles.back().cost.Seed(kTokenNs);
  }
  return profiles;
}

double FinishTokens(const PendingCall& call, const std::vector<ProfileWork>& profiles,
                    std::vector<double> running_tokens, const Discipline& discipline) {
  for (double& tokens : running_tokens) tokens *= kTokenNs;
  return FinishNs(call, profiles, running_tokens, discipline) / kTokenNs;
}

TEST(FinishNs, AloneItIsTheCallsOwnBatch) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {}, kOneExecutor), 7);
}

TEST(FinishNs, WaitsForWhatRuns) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {5}, kOneExecutor), 12);
}

TEST(FinishNs, AnIdleExecutorStartsAtOnce) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {5}, kTwoExecutors), 7);
}

TEST(FinishNs, WaitsForTheExecutorThatIsFreeFirst) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {9, 5}, kTwoExecutors), 12);
}

TEST(FinishNs, SharesItsLastBatchWithWhatWaitsBeforeIt) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, Waiting({{0, 3, 0}}), {}, kOneExecutor), 7);
}

TEST(FinishNs, WhatDoesNotFitTheLastBatchGoesBefore) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, Waiting({{0, 26, 0}}), {}, kOneExecutor), 30);
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, Waiting({{0, 26, 0}}), {2, 4}, kTwoExecutors), 13 + 10);
}

TEST(FinishNs, ALargeCallIsSpreadOverIdleExecutors) {
  EXPECT_DOUBLE_EQ(FinishTokens({.items = 5, .tokens = 10}, Waiting({{}}), {}, kTwoExecutors), 5);
}

TEST(FinishNs, OneItemIsNotSpread) {
  EXPECT_DOUBLE_EQ(FinishTokens({.items = 1, .tokens = 10}, Waiting({{}}), {}, kTwoExecutors), 10);
}

TEST(FinishNs, ALargeCallWaitsForItsOwnBatchesToo) {
  EXPECT_DOUBLE_EQ(FinishTokens({.items = 50, .tokens = 100}, Waiting({{}}), {}, kOneExecutor), 100);
  EXPECT_DOUBLE_EQ(FinishTokens({.items = 50, .tokens = 100}, Waiting({{}}), {}, kTwoExecutors), 50);
}

TEST(FinishNs, WhatArrivesMeanwhileJoinsTheLastBatchWhileThereIsRoom) {
  auto waiting = Waiting({{}});
  waiting[0].arriving_per_ns = 0.5 / kTokenNs;  // a token in the time of two
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, waiting, {}, kOneExecutor), 4);
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, waiting, {6}, kOneExecutor), 6 + 7);
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 4}, waiting, {60}, kOneExecutor), 60 + 10);
}

TEST(FinishNs, OvertakesWhatIsLessUrgent) {
  const auto waiting = Waiting({{50, 50, 50}});
  EXPECT_DOUBLE_EQ(FinishTokens({.priority = call::Priority::kLow, .tokens = 10}, waiting, {}, kOneExecutor), 160);
  EXPECT_DOUBLE_EQ(FinishTokens({.priority = call::Priority::kNormal, .tokens = 10}, waiting, {}, kOneExecutor), 110);
  EXPECT_DOUBLE_EQ(FinishTokens({.priority = call::Priority::kHigh, .tokens = 10}, waiting, {}, kOneExecutor), 60);
}

TEST(FinishNs, DoesNotOvertakeWhatHasAged) {
  Discipline discipline = kOneExecutor;
  discipline.policy.ageing_step =
      std::chrono::milliseconds(30);  // of 50 tokens, 50 ms, the oldest 20 are as urgent by then
  EXPECT_DOUBLE_EQ(
      FinishTokens({.priority = call::Priority::kHigh, .tokens = 10}, Waiting({{0, 50, 0}}), {}, discipline), 30);
}

TEST(FinishNs, AnotherProfileGetsNoMoreThanItsShareBeforeIt) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 10}, Waiting({{0, 20, 0}, {0, 1000, 0}}), {}, kOneExecutor), 30 + 30);
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 10}, Waiting({{0, 20, 0}, {0, 5, 0}}), {}, kOneExecutor), 30 + 5);
}

TEST(FinishNs, MoreUrgentWorkOfAnotherProfileAllGoesBefore) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 10}, Waiting({{}, {0, 0, 1000}}), {}, kOneExecutor), 1010);
}

TEST(FinishNs, WhatOvertakesSharesTheExecutorOfTheLongestThatRuns) {
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {100, 3, 40}, kTwoExecutors), 47);
  EXPECT_DOUBLE_EQ(FinishTokens({.tokens = 7}, Waiting({{}}), {100, 3}, kOneExecutor), 110);
}

TEST(DrainNs, IsAllTheWorkOverTheExecutors) {
  EXPECT_DOUBLE_EQ(DrainNs(Waiting({{1, 2, 3}, {4, 0, 0}}), {6 * kTokenNs}, kTwoExecutors) / kTokenNs, 8);
}

}  // namespace
}  // namespace roberta::admission
