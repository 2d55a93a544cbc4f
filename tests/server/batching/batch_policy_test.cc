#include "server/batching/batch_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <random>

#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Gt;

const Clock::time_point kNow{1000s};
constexpr size_t kMeasured = 100;  // tokens that make a batch efficient
const PolicyOptions kOptions = {.max_batch_tokens = 10, .switch_allowance = 20ms, .ageing_step = 1s};

class PolicyTest : public testing::Test {
 protected:
  /// Adds a job that has waited for `age`.
  WaitingJob& Wait(std::vector<size_t> lengths, Clock::duration age = 0s) {
    lengths_.push_back(std::move(lengths));
    waiting_.push_back({.enqueued = kNow - age, .lengths = lengths_.back()});
    return waiting_.back();
  }
  size_t Tokens() const {
    size_t tokens = 0;
    for (const std::vector<size_t>& lengths : lengths_) tokens += std::accumulate(lengths.begin(), lengths.end(), 0u);
    return tokens;
  }
  BatchPlan Plan(const BatchRequest& request = {.now = kNow}) const {
    const size_t efficient = EfficientTokens(kMeasured, loading_, kOptions);
    return PlanBatch(waiting_, BudgetOf(Tokens(), efficient, loading_, request, kOptions), loading_.strategy, request,
                     kOptions);
  }
  ProfileTurn Choose(const BatchRequest& request = {.now = kNow}) const {
    return NextProfile(waiting_, spent_ns_, request, kOptions);
  }

  std::deque<std::vector<size_t>> lengths_;
  std::vector<WaitingJob> waiting_;
  std::vector<int64_t> spent_ns_{0, 0};
  DataLoading loading_;
};

TEST_F(PolicyTest, TheOldestGoesFirst) {
  Wait({4}, 1ms);
  Wait({4}, 3ms);
  Wait({4}, 2ms);
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{1, 1}, Pick{2, 1}));
}

TEST_F(PolicyTest, AHigherPriorityGoesFirst) {
  Wait({4}, 3ms).priority = Priority::kLow;
  Wait({4}, 2ms);
  Wait({4}, 1ms).priority = Priority::kHigh;
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{2, 1}, Pick{1, 1}));
}

TEST_F(PolicyTest, AfterTwoStepsALowPriorityIsOvertakenNoMore) {
  Wait({6}, 100ms).priority = Priority::kHigh;
  Wait({6}, 2s).priority = Priority::kLow;
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{1, 1}));
}

TEST_F(PolicyTest, ALowPriorityOfAnotherProfileDoesNotCompeteUntilItIsOld) {
  Wait({6}, 100ms).priority = Priority::kHigh;
  waiting_[0].profile = 1;
  Wait({6}, 1900ms).priority = Priority::kLow;
  EXPECT_EQ(Choose().profile, 1u);
  waiting_[1].enqueued = kNow - 2s;
  EXPECT_EQ(Choose().profile, 0u);
}

TEST_F(PolicyTest, ABatchIsFilledToTheBudget) {
  Wait({4, 4, 2, 1});
  const BatchPlan plan = Plan();
  EXPECT_THAT(plan.picks, ElementsAre(Pick{0, 3}));
  EXPECT_EQ(plan.tokens, 10u);
}

TEST_F(PolicyTest, AnItemOverTheBudgetRunsAlone) {
  Wait({12, 1});
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}));
}

TEST_F(PolicyTest, ALongTextIsNotOvertakenByShortOnes) {
  Wait({4}, 3ms);
  Wait({9}, 2ms);
  Wait({1}, 1ms);
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}));
}

TEST_F(PolicyTest, ABatchHasOneBackend) {
  const PuppetBackend old_backend, new_backend;
  Wait({4}, 3ms).backend = &old_backend;
  Wait({4}, 2ms).backend = &new_backend;
  Wait({4}, 1ms).backend = &old_backend;
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}, Pick{2, 1}));
}

TEST_F(PolicyTest, TheProfileThatWasGivenLessIsNext) {
  Wait({4}, 3ms);
  Wait({4}, 2ms).profile = 1;
  spent_ns_[0] = 1;
  EXPECT_EQ(Choose().profile, 1u);
}

TEST_F(PolicyTest, AnExecutorStaysWithItsProfileWithinTheAllowance) {
  Wait({4});
  Wait({4}).profile = 1;
  spent_ns_[0] = 20'000'000;
  EXPECT_EQ(Choose({.now = kNow, .last_profile = 0}).profile, 0u);
  ++spent_ns_[0];
  EXPECT_EQ(Choose({.now = kNow, .last_profile = 0}).profile, 1u);
}

TEST_F(PolicyTest, AProfileThatDoesNotCompeteSavesNothingUp) {
  Wait({4});
  spent_ns_[0] = 5'000'000;
  EXPECT_EQ(Choose().spent_ns[1], 5'000'000);
}

TEST_F(PolicyTest, ABatchIsAnEvenPartOfWhatWaits) {
  Wait({2, 2, 2, 2});
  EXPECT_THAT(Plan({.now = kNow, .executors = 2}).picks, ElementsAre(Pick{0, 2}));
  EXPECT_THAT(Plan({.now = kNow, .executors = 3}).picks, ElementsAre(Pick{0, 1}));
  EXPECT_THAT(Plan({.now = kNow, .executors = 9}).picks, ElementsAre(Pick{0, 1}));
}

TEST_F(PolicyTest, WhatRunsCountsForTheEvenPart) {
  Wait({2, 2, 2, 2});
  EXPECT_THAT(Plan({.now = kNow, .executors = 2, .running_tokens = 4}).picks, ElementsAre(Pick{0, 3}));
  EXPECT_THAT(Plan({.now = kNow, .executors = 2, .running_tokens = 80}).picks, ElementsAre(Pick{0, 4}));
}

TEST_F(PolicyTest, WithMuchWaitingAllExecutorsTakeFullBatches) {
  Wait(std::vector<size_t>(100, 2));
  EXPECT_THAT(Plan({.now = kNow, .executors = 4}).picks, ElementsAre(Pick{0, 5}));
}

TEST(BudgetOf, IsWhatIsEfficientUntilManyWaitLongAnyway) {
  constexpr size_t kEfficientTokens = 100;
  const PolicyOptions options = {.max_batch_tokens = 1000};
  const auto budget = [&](size_t waiting) {
    return BudgetOf(waiting, kEfficientTokens, {}, {.now = kNow, .executors = 2}, options).packed();
  };
  EXPECT_EQ(budget(150), 75u);
  EXPECT_EQ(budget(300), 100u);
  EXPECT_EQ(budget(800), 100u);
  EXPECT_EQ(budget(1600), 200u);
  EXPECT_EQ(budget(100'000), 1000u);
}

TEST(BudgetOf, WhatTheUserSetsGoesBeforeWhatWasMeasured) {
  const PolicyOptions options = {.max_batch_tokens = 1000};
  const auto budget = [&](const DataLoading& loading) {
    return BudgetOf(10'000, EfficientTokens(100, loading, options), loading, {.now = kNow, .executors = 50}, options)
        .packed();
  };
  EXPECT_EQ(budget({}), 100u);
  EXPECT_EQ(budget({.max_batch_tokens = 60}), 60u);
  EXPECT_EQ(budget({.max_batch_tokens = 5000}), 200u);  // the even part
}

/// Runs `rounds` batches of profiles that all have endless work, profile p in jobs of `lengths[p]`, of which
/// `jobs[p]` wait at any time, and whose tokens take `token_ns[p]`. Returns the largest difference of time given.
int64_t LargestLead(const std::vector<size_t>& jobs, const std::vector<int64_t>& token_ns, std::vector<int>* batches) {
  const std::vector<size_t> lengths(50, 2);
  std::vector<WaitingJob> waiting;
  for (size_t profile = 0; profile < jobs.size(); ++profile) {
    for (size_t i = 0; i < jobs[profile]; ++i) {
      waiting.push_back({.profile = profile, .enqueued = kNow, .lengths = lengths});
    }
  }
  std::vector<int64_t> spent_ns(jobs.size());
  int64_t largest = 0;
  std::optional<size_t> last;
  batches->assign(jobs.size(), 0);
  for (int round = 0; round < 2000; ++round) {
    const BatchRequest request = {.now = kNow, .last_profile = last};
    const ProfileTurn choice = NextProfile(waiting, spent_ns, request, kOptions);
    std::vector<WaitingJob> own = waiting;
    std::erase_if(own, [&](const WaitingJob& job) { return job.profile != choice.profile; });
    last = choice.profile;
    ++(*batches)[choice.profile];
    spent_ns = choice.spent_ns;
    const size_t tokens =
        PlanBatch(own, {1000, kOptions.max_batch_tokens}, LoadingStrategy::kPacked, request, kOptions).tokens;
    spent_ns[choice.profile] += static_cast<int64_t>(tokens) * token_ns[choice.profile];
    const auto [least, most] = std::minmax_element(spent_ns.begin(), spent_ns.end());
    largest = std::max(largest, *most - *least);
  }
  return largest;
}

TEST(Fairness, TimeGivenDiffersByTheAllowanceAndABatchAtMostWhateverTheLoad) {
  std::vector<int> batches;
  constexpr int64_t kTokenNs = 100'000;  // a batch is 1 ms
  EXPECT_LE(LargestLead({100, 1, 10}, {kTokenNs, kTokenNs, kTokenNs}, &batches), 21'000'000);
  EXPECT_THAT(batches, ::testing::Each(Gt(600)));
}

TEST(Fairness, IsOfTimeAndNotOfTokens) {
  std::vector<int> batches;
  EXPECT_LE(LargestLead({1, 50}, {300'000, 100'000}, &batches), 23'000'000);
  EXPECT_NEAR(batches[1], 3 * batches[0], 100);
}

class PaddedPolicyTest : public PolicyTest {
 protected:
  PaddedPolicyTest() { loading_.strategy = LoadingStrategy::kPadded; }
};

TEST_F(PaddedPolicyTest, PadsCountAgainstTheBudget) {
  Wait({2, 3, 2, 2}, 2ms);  // 4 times 3 are 12
  const BatchPlan plan = Plan();
  EXPECT_THAT(plan.picks, ElementsAre(Pick{0, 3}));
  EXPECT_EQ(plan.padded_length, 3u);
  EXPECT_EQ(plan.tokens, 7u);
}

TEST_F(PaddedPolicyTest, ALongerItemIsCountedAsLengtheningAll) {
  Wait({2, 2, 4}, 2ms);  // 3 times 4 are 12
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 2}));
}

TEST_F(PaddedPolicyTest, TheOrderIsThatOfArrival) {
  Wait({4}, 3ms);
  Wait({2}, 1ms);
  Wait({5}, 2ms);
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}, Pick{2, 1}));
}

TEST_F(PaddedPolicyTest, AnItemOverTheBudgetRunsAlone) {
  Wait({12, 1});
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}));
}

TEST_F(PaddedPolicyTest, AProfilesOwnBudgetGoesBeforeThatOfAll) {
  Wait({2, 3, 2, 2, 2, 2});
  loading_.max_batch_tokens = 15;
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 5}));
}

class BucketedPolicyTest : public PolicyTest {
 protected:
  BucketedPolicyTest() { loading_ = {.strategy = LoadingStrategy::kBucketed, .max_batch_tokens = 40}; }
};

TEST_F(BucketedPolicyTest, TheOldestIsThereWhateverItsLength) {
  Wait({30}, 9ms);
  for (int i = 0; i < 20; ++i) Wait({2}, 1ms);
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}));
}

TEST_F(BucketedPolicyTest, TheNearestLengthsAreTakenAndSorted) {
  Wait({10}, 9ms);
  Wait({30}, 8ms);
  Wait({11}, 1ms);
  Wait({2}, 8ms);
  Wait({9}, 2ms);
  const BatchPlan plan = Plan();
  EXPECT_THAT(plan.picks, ElementsAre(Pick{4, 1}, Pick{0, 1}, Pick{2, 1}));
  EXPECT_EQ(plan.padded_length, 11u);
  EXPECT_EQ(plan.tokens, 30u);
}

TEST_F(BucketedPolicyTest, PadsCountAgainstTheBudget) {
  Wait({10}, 9ms);
  for (int i = 0; i < 5; ++i) Wait({9}, 1ms);
  EXPECT_EQ(Plan().picks.size(), 4u);
}

TEST_F(BucketedPolicyTest, NoMoreThanAQuarterIsPadding) {
  Wait({8}, 9ms);
  Wait({4}, 1ms);  // 4 of 16 are padding
  EXPECT_EQ(Plan().picks.size(), 2u);
  lengths_[1][0] = 3;
  EXPECT_EQ(Plan().picks.size(), 1u);
}

TEST_F(BucketedPolicyTest, AHigherPriorityGoesBeforeANearerLength) {
  loading_.max_batch_tokens = 24;
  Wait({10}, 1ms).priority = Priority::kHigh;
  Wait({10}, 9ms);
  Wait({12}, 1ms).priority = Priority::kHigh;
  EXPECT_THAT(Plan().picks, ElementsAre(Pick{0, 1}, Pick{2, 1}));
}

/// What the rules say of a plan, whatever waits.
void ExpectRulesKept(const BatchPlan& plan, const std::vector<WaitingJob>& waiting, const DataLoading& loading,
                     const TokenBudget& budget) {
  std::vector<int> picked(waiting.size(), 0);
  size_t tokens = 0, items = 0, longest = 0;
  for (const Pick& pick : plan.picks) {
    const WaitingJob& job = waiting[pick.job];
    ASSERT_EQ(++picked[pick.job], 1);
    ASSERT_EQ(job.backend, waiting[plan.picks[0].job].backend);
    ASSERT_GE(pick.items, 1u);
    ASSERT_LE(pick.items, job.lengths.size());
    items += pick.items;
    for (size_t i = 0; i < pick.items; ++i) {
      tokens += job.lengths[i];
      longest = std::max(longest, job.lengths[i]);
    }
  }
  ASSERT_FALSE(plan.picks.empty()) << "something waits and nothing runs";
  ASSERT_EQ(tokens, plan.tokens);
  const bool is_padded = loading.strategy != LoadingStrategy::kPacked;
  ASSERT_EQ(plan.padded_length, is_padded ? longest : 0);
  ASSERT_TRUE((tokens <= budget.tokens && (is_padded ? items * longest : tokens) <= budget.padded_tokens) ||
              items == 1);
  // The one whose turn it is runs.
  const auto urgency = [](const WaitingJob& job) {
    const auto level = std::min<int64_t>(2, static_cast<int64_t>(job.priority) + (kNow - job.enqueued) / 1s);
    return std::make_pair(-level, job.enqueued);
  };
  const auto first = std::min_element(waiting.begin(), waiting.end(), [&](const WaitingJob& a, const WaitingJob& b) {
    return urgency(a) < urgency(b);
  });
  ASSERT_EQ(picked[static_cast<size_t>(first - waiting.begin())], 1);
}

TEST(PlanBatch, KeepsItsRulesWhateverWaits) {
  std::mt19937 random(1);
  for (int round = 0; round < 6000; ++round) {
    const DataLoading loading = {.strategy = static_cast<LoadingStrategy>(round % 3),
                                 .max_batch_tokens = 5 + random() % 40};
    std::deque<std::vector<size_t>> lengths;
    std::vector<WaitingJob> waiting;
    const PuppetBackend backends[2];
    size_t tokens = 0;
    for (size_t i = 1 + random() % 12; i > 0; --i) {
      lengths.emplace_back(loading.strategy == LoadingStrategy::kBucketed ? 1 : 1 + random() % 5);
      for (size_t& length : lengths.back()) tokens += length = 1 + random() % 12;
      waiting.push_back({.backend = &backends[random() % 2],
                         .priority = static_cast<Priority>(random() % kPriorities),
                         .enqueued = kNow - std::chrono::microseconds(random() % 3000000),
                         .lengths = lengths.back()});
    }
    const BatchRequest request = {
        .now = kNow, .executors = 1 + random() % 3, .running_tokens = random() % 2 * (random() % 50)};
    const TokenBudget budget = BudgetOf(tokens, kMeasured, loading, request, kOptions);
    ExpectRulesKept(PlanBatch(waiting, budget, loading.strategy, request, kOptions), waiting, loading, budget);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace roberta::batching
