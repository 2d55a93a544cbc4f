#include "server/batching/stages.h"

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

TEST(StagesOf, NoBatchMakesNoStage) {
  EXPECT_THAT(StagesOf({}), IsEmpty());
}

TEST(StagesOf, ABatchWaitsIsFormedAndRuns) {
  EXPECT_THAT(StagesOf({Times(5ms, 6ms, 9ms)}),
              ElementsAre(StageEnd{Stage::kQueue, kStart + 5ms}, StageEnd{Stage::kForm, kStart + 6ms},
                          StageEnd{Stage::kInfer, kStart + 9ms}));
}

TEST(StagesOf, BatchesAtTheSameTimeCountOnce) {
  EXPECT_THAT(StagesOf({Times(5ms, 6ms, 9ms), Times(6ms, 8ms, 12ms)}),
              ElementsAre(StageEnd{Stage::kQueue, kStart + 5ms}, StageEnd{Stage::kForm, kStart + 6ms},
                          StageEnd{Stage::kInfer, kStart + 12ms}));
}

TEST(StagesOf, BetweenBatchesAJobWaits) {
  EXPECT_THAT(StagesOf({Times(10ms, 11ms, 14ms), Times(1ms, 2ms, 4ms)}),
              ElementsAre(StageEnd{Stage::kQueue, kStart + 1ms}, StageEnd{Stage::kForm, kStart + 2ms},
                          StageEnd{Stage::kInfer, kStart + 4ms}, StageEnd{Stage::kQueue, kStart + 10ms},
                          StageEnd{Stage::kForm, kStart + 11ms}, StageEnd{Stage::kInfer, kStart + 14ms}));
}

TEST(StagesOf, AStageWithoutDurationIsLeftOut) {
  EXPECT_THAT(StagesOf({Times(5ms, 5ms, 9ms)}),
              ElementsAre(StageEnd{Stage::kQueue, kStart + 5ms}, StageEnd{Stage::kInfer, kStart + 9ms}));
}

}  // namespace
}  // namespace roberta::batching
