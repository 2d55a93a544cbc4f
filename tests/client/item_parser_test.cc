#include "client/cli/item_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace roberta::cli {
namespace {

using ::testing::HasSubstr;

Item ParseLine(InputFormat format, const std::string& line, const std::string& header = "") {
  const auto parser = ItemParser::Make(format);
  if (!header.empty()) {
    EXPECT_TRUE(parser->ReadHeader(header).ok());
  }
  Item item;
  parser->Parse(line, &item);
  return item;
}

std::string ProblemOf(InputFormat format, const std::string& line, const std::string& header = "") {
  return std::string(ParseLine(format, line, header).problem.message());
}

TEST(ItemParser, FormatFollowsTheFileName) {
  EXPECT_EQ(FormatOfFile("a.tsv"), InputFormat::kTsv);
  EXPECT_EQ(FormatOfFile("dir.tsv/a.jsonl"), InputFormat::kJsonLines);
  EXPECT_EQ(FormatOfFile("a.txt"), InputFormat::kText);
  EXPECT_EQ(FormatOfFile("-"), InputFormat::kText);
}

TEST(ItemParser, ATextLineIsTheText) {
  EXPECT_EQ(ParseLine(InputFormat::kText, " a\tb ").text, " a\tb ");
}

TEST(ItemParser, InvalidUtf8IsNamedByItsByte) {
  EXPECT_EQ(ProblemOf(InputFormat::kText, "ab\xC0\xAF"), "text: invalid UTF-8 at byte 2");
  EXPECT_EQ(ProblemOf(InputFormat::kText, "\xED\xA0\x80"), "text: invalid UTF-8 at byte 0");
  EXPECT_EQ(ProblemOf(InputFormat::kText, "abc\xE2\x82"), "text: invalid UTF-8 at byte 3");
}

TEST(ItemParser, TsvColumnsMayStandInAnyOrder) {
  const Item item = ParseLine(InputFormat::kTsv, "7\tgood\tpositive\tmore", "id\ttext\tlabel\ttext_pair");
  EXPECT_TRUE(item.problem.ok()) << item.problem;
  EXPECT_EQ(item.id, "7");
  EXPECT_EQ(item.text, "good");
  EXPECT_EQ(item.expected_label, "positive");
  EXPECT_EQ(item.text_pair, "more");
}

TEST(ItemParser, TsvIgnoresOtherColumns) {
  EXPECT_EQ(ParseLine(InputFormat::kTsv, "x\tgood", "note\ttext").text, "good");
}

TEST(ItemParser, TsvWithoutATextColumnIsRefused) {
  const auto parser = ItemParser::Make(InputFormat::kTsv);
  EXPECT_THAT(std::string(parser->ReadHeader("label\tsentence").status().message()), HasSubstr("no column \"text\""));
  EXPECT_THAT(std::string(parser->ReadHeader("text\ttext").status().message()), HasSubstr("\"text\" twice"));
}

TEST(ItemParser, TsvRowWithOtherColumnsIsBad) {
  EXPECT_EQ(ProblemOf(InputFormat::kTsv, "positive", "label\ttext"), "1 columns; the header has 2");
  EXPECT_EQ(ProblemOf(InputFormat::kTsv, "a\tb\tc", "label\ttext"), "3 columns; the header has 2");
}

TEST(ItemParser, JsonLinesFields) {
  const Item item =
      ParseLine(InputFormat::kJsonLines, R"({"text": "a", "text_pair": "b", "id": "x", "label": 1, "n": []})");
  EXPECT_TRUE(item.problem.ok()) << item.problem;
  EXPECT_EQ(item.text, "a");
  EXPECT_EQ(item.text_pair, "b");
  EXPECT_EQ(item.id, "x");
  EXPECT_EQ(item.expected_label, "1");
}

TEST(ItemParser, JsonNullIsAbsent) {
  const Item item = ParseLine(InputFormat::kJsonLines, R"({"text": "a", "text_pair": null, "id": null})");
  EXPECT_TRUE(item.problem.ok()) << item.problem;
  EXPECT_FALSE(item.text_pair.has_value());
}

TEST(ItemParser, JsonIdMayBeAnInteger) {
  EXPECT_EQ(ParseLine(InputFormat::kJsonLines, R"({"text": "a", "id": 12})").id, "12");
}

TEST(ItemParser, BadJsonLinesAreNamed) {
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, "{broken"), HasSubstr("not JSON from byte 2"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, ""), HasSubstr("not JSON"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, "[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, "{}"), HasSubstr("text is missing"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, R"({"text": null})"), HasSubstr("text is not a string"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, R"({"text": "a", "text_pair": 3})"), HasSubstr("text_pair is not"));
  EXPECT_THAT(ProblemOf(InputFormat::kJsonLines, std::string("{\"text\": \"a\"}\0x", 15)), HasSubstr("NUL"));
}

}  // namespace
}  // namespace roberta::cli
