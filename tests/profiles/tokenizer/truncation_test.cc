#include "profiles/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

namespace roberta::tokenizer {
namespace {

TEST(LongestFirst, WhatFitsStays) {
  EXPECT_EQ(LongestFirst({3, 4}, true, 7), (TokenCounts{3, 4}));
  EXPECT_EQ(LongestFirst({3, 0}, false, 3), (TokenCounts{3, 0}));
}

TEST(LongestFirst, ASingleTextGivesAll) {
  EXPECT_EQ(LongestFirst({10, 0}, false, 4), (TokenCounts{4, 0}));
}

TEST(LongestFirst, TheLongerGivesFirst) {
  EXPECT_EQ(LongestFirst({10, 2}, true, 8), (TokenCounts{6, 2}));
  EXPECT_EQ(LongestFirst({2, 10}, true, 8), (TokenCounts{2, 6}));
}

TEST(LongestFirst, BothGiveToTheMiddle) {
  EXPECT_EQ(LongestFirst({10, 9}, true, 8), (TokenCounts{4, 4}));
}

TEST(LongestFirst, NeverMoreThanTheRoomNorThanThereWas) {
  for (size_t text = 0; text < 12; ++text) {
    for (size_t pair = 0; pair < 12; ++pair) {
      for (size_t room = 0; room < 25; ++room) {
        const TokenCounts kept = LongestFirst({text, pair}, true, room);
        EXPECT_LE(kept.text, text);
        EXPECT_LE(kept.pair, pair);
        EXPECT_EQ(kept.text + kept.pair, std::min(room, text + pair)) << text << "+" << pair << " in " << room;
      }
    }
  }
}

}  // namespace
}  // namespace roberta::tokenizer
