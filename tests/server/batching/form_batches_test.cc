#include "server/batching/form_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace roberta::batching {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FormBatches, NothingMakesNoBatch) {
  EXPECT_THAT(FormBatches({}, 10), IsEmpty());
}

TEST(FormBatches, FillsABatchToTheBudget) {
  EXPECT_THAT(FormBatches({4, 6, 1}, 10), ElementsAre(BatchRange{0, 2}, BatchRange{2, 3}));
}

TEST(FormBatches, ASequenceOverTheBudgetIsAlone) {
  EXPECT_THAT(FormBatches({3, 12, 3}, 10), ElementsAre(BatchRange{0, 1}, BatchRange{1, 2}, BatchRange{2, 3}));
}

TEST(FormBatches, CoverEverySequenceOnceInOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> lengths(random() % 50);
    for (size_t& length : lengths) length = 1 + random() % 40;
    size_t next = 0;
    for (const BatchRange& range : FormBatches(lengths, 64)) {
      ASSERT_EQ(range.begin, next);
      ASSERT_LT(range.begin, range.end);
      size_t tokens = 0;
      for (size_t i = range.begin; i < range.end; ++i) tokens += lengths[i];
      ASSERT_LE(tokens, 64u);
      next = range.end;
    }
    ASSERT_EQ(next, lengths.size());
  }
}

}  // namespace
}  // namespace roberta::batching
