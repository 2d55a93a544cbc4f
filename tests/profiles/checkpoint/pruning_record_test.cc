#include "profiles/checkpoint/pruning.h"

#include <gtest/gtest.h>

namespace roberta::checkpoint {
namespace {

TEST(PruningRecord, ReadsWhatIsThere) {
  const PruningRecord record = ParsePruningRecord(R"({"method": "fisher", "seed": 7,
      "data": {"file": "train.tsv", "hash": "00aa", "texts": 2048},
      "accuracy": {"before": 0.883, "after": 0.88, "examples": 872}})");
  EXPECT_EQ(record.method, "fisher");
  EXPECT_EQ(record.seed, 7u);
  EXPECT_EQ(record.data_file, "train.tsv");
  EXPECT_EQ(record.data_hash, "00aa");
  EXPECT_EQ(record.data_texts, 2048u);
  EXPECT_EQ(record.accuracy_before, 0.883);
  EXPECT_EQ(record.accuracy_after, 0.88);
  EXPECT_EQ(record.accuracy_examples, 872u);
}

TEST(PruningRecord, WhatIsOfAnotherTypeOrRangeIsAsGoodAsAbsent) {
  const PruningRecord record = ParsePruningRecord(R"({"method": 1, "seed": -1, "data": [], "accuracy":
      {"before": 88.3, "after": "high", "examples": 1.5}})");
  EXPECT_FALSE(record.method || record.seed || record.data_file || record.data_hash || record.data_texts ||
               record.accuracy_before || record.accuracy_after || record.accuracy_examples);
}

TEST(PruningRecord, WhatIsNoObjectHasNone) {
  for (const char* text : {"", "[]", "\"method\"", "{"}) EXPECT_FALSE(ParsePruningRecord(text).method) << text;
}

TEST(PruningRecord, OfAMaskAloneIsEmpty) {
  EXPECT_FALSE(ParsePruningRecord(PruningJson({{{0}, {1}}})).method);
}

}  // namespace
}  // namespace roberta::checkpoint
