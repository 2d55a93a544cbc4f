#include "server/batching/waiting_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "tests/server/batching/puppet_job.h"

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
const Clock::time_point kWaitingNow{1000s};

class WaitingItemsTest : public testing::Test {
 protected:
  std::shared_ptr<Job> Add(int32_t name, const std::vector<size_t>& lengths, Priority priority = Priority::kNormal,
                           Clock::time_point deadline = Clock::time_point::max(), bool one_by_one = false) {
    auto job = JobOf(backend_, name, lengths);
    job->priority = priority;
    job->deadline = deadline;
    waiting_.Add(job, kWaitingNow, one_by_one);
    return job;
  }
  /// First tokens of the parts.
  static std::vector<int32_t> Names(const std::vector<BatchPart>& parts) {
    std::vector<int32_t> names;
    for (const BatchPart& part : parts) names.push_back(part.job->token_ids[part.first_token]);
    return names;
  }
  std::vector<int32_t> Oldest(size_t items, size_t tokens) {
    std::vector<int32_t> names;
    for (const auto& entry : waiting_.Oldest(0, items, tokens, &cancelled_).entries) {
      names.push_back(entry->second.job->token_ids[entry->second.next_token]);
    }
    return names;
  }

  std::shared_ptr<PuppetBackend> backend_ = std::make_shared<PuppetBackend>();
  std::vector<BatchPart> cancelled_;
  WaitingItems waiting_{2};
};

TEST_F(WaitingItemsTest, OfEachPriorityNoMoreIsListedThanAskedFor) {
  for (int32_t i = 0; i < 5; ++i) Add(10 + i, {3});
  for (int32_t i = 0; i < 5; ++i) Add(20 + i, {3}, Priority::kHigh);
  EXPECT_THAT(Oldest(kNoLimit, 6), ElementsAre(10, 11, 20, 21));
  EXPECT_THAT(Oldest(1, kNoLimit), ElementsAre(10, 20));
}

TEST_F(WaitingItemsTest, ItemsOneByOneAreTakenInAnyOrder) {
  Add(10, {2, 3, 4}, Priority::kNormal, kWaitingNow + 1s, true);
  WaitingItems::Listed listed = waiting_.Oldest(0, kNoLimit, kNoLimit, &cancelled_);
  ASSERT_EQ(listed.entries.size(), 3u);
  const BatchPart part = waiting_.TakeItems(listed.entries[1], 1);
  EXPECT_EQ(part.first_item, 1u);
  EXPECT_EQ(part.first_token, 2u);
  EXPECT_EQ(part.tokens, 3u);
  EXPECT_THAT(Oldest(kNoLimit, kNoLimit), ElementsAre(10, 12));
  EXPECT_THAT(Names(waiting_.TakeExpired(kWaitingNow + 1s)), ElementsAre(10, 12));
  EXPECT_TRUE(waiting_.empty());
}

TEST_F(WaitingItemsTest, TheExpiredAreTakenOutAndTheOthersStay) {
  Add(10, {1}, Priority::kLow, kWaitingNow + 3ms);
  Add(20, {1}, Priority::kHigh, kWaitingNow + 1ms);
  Add(30, {1}, Priority::kNormal, kWaitingNow + 2ms);
  EXPECT_THAT(waiting_.TakeExpired(kWaitingNow), IsEmpty());
  EXPECT_THAT(Names(waiting_.TakeExpired(kWaitingNow + 2ms)), ElementsAre(20, 30));
  EXPECT_EQ(waiting_.items(), 1u);
}

TEST_F(WaitingItemsTest, WhatWasTakenDoesNotExpire) {
  Add(10, {1, 1}, Priority::kNormal, kWaitingNow + 1ms);
  waiting_.TakeItems(waiting_.Oldest().entries[0], 2);
  EXPECT_THAT(waiting_.TakeExpired(kWaitingNow + 1ms), IsEmpty());
}

TEST_F(WaitingItemsTest, OfManyTheCancelledAreFoundInAFewLooks) {
  const std::atomic<bool> cancelled{true};
  for (int32_t i = 0; i < 1000; ++i) {
    const auto job = Add(10 + i, {1}, static_cast<Priority>(i % 3));
    if (i % 10 == 5) job->cancelled = &cancelled;
  }
  size_t found = 0;
  for (int look = 0; look < 4; ++look) found += waiting_.TakeCancelled().size();
  EXPECT_EQ(found, 100u);
  EXPECT_EQ(waiting_.items(), 900u);
}

TEST_F(WaitingItemsTest, WhatIsCancelledLaterIsFoundLater) {
  std::atomic<bool> cancelled{false};
  for (int32_t i = 0; i < 3; ++i) Add(10 + i, {1})->cancelled = i == 2 ? &cancelled : nullptr;
  EXPECT_THAT(waiting_.TakeCancelled(), IsEmpty());
  cancelled = true;
  EXPECT_THAT(Names(waiting_.TakeCancelled()), ElementsAre(12));
}

TEST_F(WaitingItemsTest, TheCancelledAreNotListed) {
  const std::atomic<bool> cancelled{true};
  Add(10, {1});
  Add(20, {1})->cancelled = &cancelled;
  Add(30, {1});
  EXPECT_THAT(Oldest(kNoLimit, kNoLimit), ElementsAre(10, 30));
  EXPECT_THAT(Names(cancelled_), ElementsAre(20));
}

TEST_F(WaitingItemsTest, CountsWhatWaitsByProfileAndPriority) {
  Add(10, {2, 3});
  Add(20, {4}, Priority::kHigh);
  waiting_.TakeItems(waiting_.Oldest().entries[0], 1);
  EXPECT_THAT(waiting_.items_of(), ElementsAre(ElementsAre(0, 1, 1, 0), ElementsAre(0, 0, 0, 0)));
  EXPECT_THAT(waiting_.tokens_of(), ElementsAre(7, 0));
  EXPECT_EQ(waiting_.tokens(), 7u);
  EXPECT_EQ(waiting_.oldest(kWaitingNow + 1s), kWaitingNow);
}

}  // namespace
}  // namespace roberta::batching
