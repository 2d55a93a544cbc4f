#include "server/admission/early_cancels.h"

#include <gtest/gtest.h>

#include <vector>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;

constexpr size_t kConnection = 5;

class EarlyCancelsTest : public testing::Test {
 protected:
  void Cancel(int calls, std::chrono::nanoseconds lead, size_t connection = kConnection) {
    for (int i = 0; i < calls; ++i) cancels_.Cancelled(connection, lead, now_);
  }
  void End(int calls, size_t connection = kConnection) {
    for (int i = 0; i < calls; ++i) cancels_.Ended(connection, now_);
  }

  EarlyCancels cancels_{4};
  std::vector<EarlyCancels::Open> open_ = OpenOn(kConnection, 3);  // nearly all that it may have

  std::vector<EarlyCancels::Open> OpenOn(size_t connection, int calls) {
    std::vector<EarlyCancels::Open> open;
    for (int i = 0; i < calls; ++i) open.push_back(cancels_.Started(connection));
    return open;
  }
  EarlyCancels::Clock::time_point now_{1000s};
};

TEST_F(EarlyCancelsTest, TheLeastLeadCounts) {
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
  Cancel(20, 900ms);
  Cancel(20, 850ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 850ms);
}

TEST_F(EarlyCancelsTest, ACallThatWasWantedUntilItsDeadlineProvesThatThereIsNone) {
  Cancel(100, 900ms);
  Cancel(1, -3ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
}

TEST_F(EarlyCancelsTest, WhereFurtherCallsNeedNotWaitALeadIsAChoice) {
  open_.pop_back();
  Cancel(100, 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
  open_.push_back(cancels_.Started(kConnection));
  Cancel(1, 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 900ms);
}

TEST_F(EarlyCancelsTest, SoIsALongLead) {
  Cancel(100, EarlyCancels::kMost + 1ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
  Cancel(10, EarlyCancels::kMost);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), EarlyCancels::kMost);
}

TEST_F(EarlyCancelsTest, FewCancelsAreChance) {
  Cancel(EarlyCancels::kLeastCancels - 1, 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
  Cancel(1, 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 900ms);
  End(EarlyCancels::kLeastCancels * (EarlyCancels::kLeastPart - 1));
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 900ms);
  End(1);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
}

TEST_F(EarlyCancelsTest, WhatIsTwoSecondsOldIsForgotten) {
  Cancel(20, 800ms);
  now_ += 1s;
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 800ms);
  Cancel(20, 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 800ms);
  now_ += 1s;
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 900ms);
  now_ += 1s;
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
}

TEST_F(EarlyCancelsTest, ConnectionsAreApart) {
  const auto open = OpenOn(kConnection + 1, 3);
  constexpr size_t kShares = 1021;  // cells, of which the two connections have the same
  Cancel(20, 900ms);
  Cancel(20, 500ms, kConnection + kShares);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 900ms);
  EXPECT_EQ(cancels_.Lead(kConnection + kShares, now_), 0ms);
  EXPECT_EQ(cancels_.Lead(kConnection + 1, now_), 0ms);
  now_ += 2s;  // the first has gone
  Cancel(20, 500ms, kConnection + kShares);
  EXPECT_EQ(cancels_.Lead(kConnection + kShares, now_), 500ms);
  EXPECT_EQ(cancels_.Lead(kConnection, now_), 0ms);
  Cancel(20, 900ms, 0);  // unknown
  EXPECT_EQ(cancels_.Lead(0, now_), 0ms);
}

}  // namespace
}  // namespace roberta::admission
