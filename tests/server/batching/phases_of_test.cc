#include "server/batching/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::batching {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Clock::time_point kStart{1s};

BatchTimes Times(Clock::duration taken, Clock::duration started, Clock::duration ended) {
  return {kStart + taken, kStart + started, kStart + ended};
}

TEST(PhasesOf, NoBatchMakesNoPhase) {
  EXPECT_THAT(PhasesOf({}), IsEmpty());
}

TEST(PhasesOf, ABatchWaitsIsFormedAndRuns) {
  EXPECT_THAT(PhasesOf({Times(5ms, 6ms, 9ms)}),
              ElementsAre(PhaseEnd{call::Phase::kQueue, kStart + 5ms}, PhaseEnd{call::Phase::kForm, kStart + 6ms},
                          PhaseEnd{call::Phase::kInfer, kStart + 9ms}));
}

TEST(PhasesOf, BatchesAtTheSameTimeCountOnce) {
  EXPECT_THAT(PhasesOf({Times(5ms, 6ms, 9ms), Times(6ms, 8ms, 12ms)}),
              ElementsAre(PhaseEnd{call::Phase::kQueue, kStart + 5ms}, PhaseEnd{call::Phase::kForm, kStart + 6ms},
                          PhaseEnd{call::Phase::kInfer, kStart + 12ms}));
}

TEST(PhasesOf, BetweenBatchesAJobWaits) {
  EXPECT_THAT(PhasesOf({Times(10ms, 11ms, 14ms), Times(1ms, 2ms, 4ms)}),
              ElementsAre(PhaseEnd{call::Phase::kQueue, kStart + 1ms}, PhaseEnd{call::Phase::kForm, kStart + 2ms},
                          PhaseEnd{call::Phase::kInfer, kStart + 4ms}, PhaseEnd{call::Phase::kQueue, kStart + 10ms},
                          PhaseEnd{call::Phase::kForm, kStart + 11ms}, PhaseEnd{call::Phase::kInfer, kStart + 14ms}));
}

TEST(PhasesOf, APhaseWithoutDurationIsLeftOut) {
  EXPECT_THAT(PhasesOf({Times(5ms, 5ms, 9ms)}),
              ElementsAre(PhaseEnd{call::Phase::kQueue, kStart + 5ms}, PhaseEnd{call::Phase::kInfer, kStart + 9ms}));
}

}  // namespace
}  // namespace roberta::batching
