#include "server/admission/brown_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>
#include <vector>

namespace roberta::admission {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const BrownOut::TimePoint kStart{1000s};
const BrownOutOptions kOptions = {
    .step_down_at = 500ms, .step_down_after = 1s, .step_up_at = 100ms, .step_up_after = 10s};

class BrownOutTest : public testing::Test {
 protected:
  /// Reports one pressure every 10 ms, from `now_` on, for `duration`; returns the level at its end.
  size_t Hold(BrownOut::Duration pressure, BrownOut::Duration duration, size_t steps = 2) {
    const BrownOut::TimePoint end = now_ + duration;
    for (; now_ < end; now_ += 10ms) brown_out_.Report(pressure, now_, steps);
    return brown_out_.Report(pressure, now_, steps);
  }

  BrownOut::TimePoint now_ = kStart;
  std::vector<BrownOut::Change> changes_;
  BrownOut brown_out_{kOptions, [this](const BrownOut::Change& change) { changes_.push_back(change); }};
};

TEST_F(BrownOutTest, BeginsAtTheUsualQuality) {
  EXPECT_EQ(brown_out_.LevelAt(kStart), 0u);
}

TEST_F(BrownOutTest, PressureThatLastsTakesAStepDown) {
  EXPECT_EQ(Hold(510ms, 990ms), 0u);
  EXPECT_EQ(Hold(510ms, 10ms), 1u);
}

TEST_F(BrownOutTest, PressureThatGoesOnTakesAStepAfterTheWholeTimeAnew) {
  EXPECT_EQ(Hold(2s, 1990ms), 1u);
  EXPECT_EQ(Hold(2s, 10ms), 2u);
}

TEST_F(BrownOutTest, GoesNoFurtherThanTheLadder) {
  EXPECT_EQ(Hold(2s, 1min), 2u);
}

TEST_F(BrownOutTest, WithoutAStepItStays) {
  EXPECT_EQ(Hold(2s, 1min, 0), 0u);
}

TEST_F(BrownOutTest, PressureBelowTheThresholdNeverSteps) {
  EXPECT_EQ(Hold(499ms, 1min), 0u);
}

TEST_F(BrownOutTest, AMomentOfLessPressureBeginsTheTimeAnew) {
  Hold(600ms, 990ms);
  Hold(499ms, 0ms);
  EXPECT_EQ(Hold(600ms, 990ms), 0u);
}

TEST_F(BrownOutTest, ReliefThatLastsTakesAStepUp) {
  Hold(600ms, 1s);
  EXPECT_EQ(Hold(100ms, 9990ms), 1u);
  EXPECT_EQ(Hold(100ms, 10ms), 0u);
}

TEST_F(BrownOutTest, BetweenTheThresholdsTheLevelStays) {
  Hold(600ms, 1s);
  EXPECT_EQ(Hold(499ms, 1min), 1u);
  EXPECT_EQ(Hold(101ms, 1min), 1u);
}

TEST_F(BrownOutTest, AMomentOfPressureBeginsTheTimeOfReliefAnew) {
  Hold(600ms, 1s);
  Hold(0ms, 9s);
  Hold(101ms, 0ms);
  EXPECT_EQ(Hold(0ms, 9s), 1u);
}

TEST_F(BrownOutTest, WhenTrafficStopsItStepsUpWithoutFurtherReports) {
  Hold(600ms, 2s);
  ASSERT_EQ(changes_.size(), 2u);
  // The last 600 ms of work are down to 100 after 500 ms.
  EXPECT_EQ(brown_out_.LevelAt(now_ + 10499ms), 2u);
  EXPECT_EQ(brown_out_.LevelAt(now_ + 10500ms), 1u);
  EXPECT_EQ(brown_out_.LevelAt(now_ + 20499ms), 1u);
  EXPECT_EQ(brown_out_.LevelAt(now_ + 20500ms), 0u);
}

TEST_F(BrownOutTest, TheFirstCallAfterALongSilenceFindsItAtTheTop) {
  Hold(600ms, 2s);
  EXPECT_EQ(brown_out_.Report(0ms, now_ + 1h, 2), 0u);
}

TEST_F(BrownOutTest, ABurstAfterALongSilenceIsNoPressureThatLasted) {
  brown_out_.Report(5s, kStart, 2);
  brown_out_.Report(5s, kStart + 1h, 2);
  EXPECT_EQ(brown_out_.LevelAt(kStart + 1h), 0u);
}

TEST_F(BrownOutTest, MuchWorkIsPressureForAsLongAsItTakes) {
  brown_out_.Report(1700ms, kStart, 2);
  EXPECT_EQ(brown_out_.LevelAt(kStart + 5s), 1u);  // more than 500 ms waited for 1.2 s
}

TEST_F(BrownOutTest, WhenTheLadderGetsShorterItMovesUpAtOnce) {
  Hold(600ms, 2s);
  EXPECT_EQ(brown_out_.Report(600ms, now_, 1), 1u);
  EXPECT_EQ(changes_.back().cause, BrownOut::Cause::kLostStep);
}

TEST_F(BrownOutTest, AStepThatTheLadderGetsUnderPressureIsTakenAtOnceAndTheNextInItsTime) {
  Hold(600ms, 1min, 0);
  brown_out_.Report(600ms, now_, 2);
  EXPECT_EQ(Hold(600ms, 990ms), 1u);
  EXPECT_EQ(Hold(600ms, 10ms), 2u);
}

TEST_F(BrownOutTest, SaysWhatChangedAndWhy) {
  Hold(600ms, 1s);
  Hold(0ms, 10s);
  ASSERT_EQ(changes_.size(), 2u);
  EXPECT_EQ(changes_[0].from, 0u);
  EXPECT_EQ(changes_[0].to, 1u);
  EXPECT_EQ(changes_[0].cause, BrownOut::Cause::kPressure);
  EXPECT_EQ(changes_[0].pressure, 600ms);
  EXPECT_EQ(changes_[1].from, 1u);
  EXPECT_EQ(changes_[1].to, 0u);
  EXPECT_EQ(changes_[1].cause, BrownOut::Cause::kRelief);
}

TEST_F(BrownOutTest, ATimeThatGoesBackIsNoTime) {
  brown_out_.Report(600ms, kStart, 2);
  brown_out_.Report(600ms, kStart - 1h, 2);
  EXPECT_EQ(brown_out_.Report(600ms, kStart + 100ms, 2), 0u);
  EXPECT_EQ(brown_out_.Report(600ms, kStart + 900ms, 2), 0u);
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(BrownOutTest, WhateverHappensStepsAreOneAtATimeAndNoOftenerThanTheirTimes) {
  std::mt19937 random(1);
  size_t steps = 3;
  std::map<BrownOut::Cause, BrownOut::TimePoint> last;
  for (int i = 0; i < 100000; ++i) {
    now_ += std::chrono::milliseconds(random() % 40);
    if (random() % 3000 == 0) steps = random() % 4;
    const bool busy = i / 1000 % 3 == 0;
    const auto pressure = std::chrono::milliseconds(busy ? 450 + random() % 1000 : random() % 101);
    ASSERT_LE(brown_out_.Report(pressure, now_, steps), steps);
    for (const BrownOut::Change& change : changes_) {
      if (change.cause == BrownOut::Cause::kLostStep) continue;
      const bool down = change.cause == BrownOut::Cause::kPressure;
      ASSERT_EQ(change.to, down ? change.from + 1 : change.from - 1);
      const auto apart = down ? kOptions.step_down_after : kOptions.step_up_after;
      ASSERT_TRUE(!last.contains(change.cause) || now_ - last[change.cause] >= apart - 40ms);
      last[change.cause] = now_;
    }
    changes_.clear();
  }
  EXPECT_TRUE(last.contains(BrownOut::Cause::kPressure) && last.contains(BrownOut::Cause::kRelief));
}

TEST(BrownOut, AnyThreadMayCall) {
  std::vector<size_t> levels = {0};
  BrownOut brown_out(kOptions, [&](const BrownOut::Change& change) { levels.push_back(change.to); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i <= 3000; ++i) {
        brown_out.Report(600ms, kStart + std::chrono::milliseconds(i), 2);
        brown_out.LevelAt(kStart + std::chrono::milliseconds(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(levels, ElementsAre(0u, 1u, 2u));
}

}  // namespace
}  // namespace roberta::admission
