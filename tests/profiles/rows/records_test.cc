#include "profiles/rows/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::rows {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Record> CsvRecords(std::string_view text) {
  std::vector<Record> records;
  size_t line = 0;
  while (!text.empty()) records.push_back(TakeCsvRecord(&text, &line));
  return records;
}

std::vector<std::string> OnlyRecord(std::string_view text) {
  const std::vector<Record> records = CsvRecords(text);
  EXPECT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].problem, "");
  return records[0].values;
}

TEST(Csv, ValuesAreBetweenCommas) {
  EXPECT_THAT(OnlyRecord("a,b c,d\n"), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(OnlyRecord("a,\n"), ElementsAre("a", ""));
  EXPECT_THAT(OnlyRecord("a,"), ElementsAre("a", ""));
  EXPECT_THAT(OnlyRecord("\n"), ElementsAre(""));
}

TEST(Csv, QuotesHoldCommasAndLineEnds) {
  EXPECT_THAT(OnlyRecord("\"a,b\",\"c\nd\"\n"), ElementsAre("a,b", "c\nd"));
}

TEST(Csv, ADoubledQuoteIsOne) {
  EXPECT_THAT(OnlyRecord("\"a \"\"b\"\"\",\"\"\"\"\n"), ElementsAre("a \"b\"", "\""));
  EXPECT_THAT(OnlyRecord("\"\",\"\"\n"), ElementsAre("", ""));
}

TEST(Csv, LinesMayEndInCrLf) {
  EXPECT_THAT(OnlyRecord("\"a\",b\r\n"), ElementsAre("a", "b"));
  EXPECT_THAT(OnlyRecord("a,\"b\"\r\n"), ElementsAre("a", "b"));
  EXPECT_THAT(OnlyRecord("a,\"b\"\r"), ElementsAre("a", "b"));
}

TEST(Csv, ARecordIsOnTheLineOnWhichItBegins) {
  const std::vector<Record> records = CsvRecords("a\n\"b\n\n\"\nc\n");
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].line, 1u);
  EXPECT_EQ(records[1].line, 2u);
  EXPECT_EQ(records[2].line, 5u);
}

TEST(Csv, AQuoteWithinAPlainValueIsAProblemOfThatLine) {
  const std::vector<Record> records = CsvRecords("a\"b,c\nd\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].problem, HasSubstr("a double quote within a value"));
  EXPECT_THAT(records[1].values, ElementsAre("d"));
  EXPECT_EQ(records[1].line, 2u);
}

TEST(Csv, TextAfterAClosingQuoteIsAProblemOfThatLine) {
  const std::vector<Record> records = CsvRecords("\"a\"b,c\nd\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].problem, HasSubstr("text after the double quote"));
  EXPECT_FALSE(records[0].is_last);
}

TEST(Csv, AQuoteThatIsNeverClosedEndsTheReading) {
  const std::vector<Record> records = CsvRecords("a\n\"b\nc\n");
  EXPECT_EQ(records[1].line, 2u);
  EXPECT_TRUE(records[1].is_last);
  EXPECT_THAT(records[1].problem, HasSubstr("none ends it"));
}

TEST(Tsv, QuotesMeanNothing) {
  std::string_view text = "\"a\tb\"\r\nc";
  size_t line = 0;
  EXPECT_THAT(TakeTsvRecord(&text, &line).values, ElementsAre("\"a", "b\""));
  EXPECT_THAT(TakeTsvRecord(&text, &line).values, ElementsAre("c"));
  EXPECT_EQ(line, 2u);
}

}  // namespace
}  // namespace roberta::rows
