#include "profiles/rows/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roberta::rows {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The only row of `text`, which is taken whole.
Row OnlyRow(Format format, std::string_view text) {
  RowParser parser({.format = format});
  const std::optional<Row> row = parser.Take(&text, /*ended=*/true);
  EXPECT_TRUE(row.has_value());
  EXPECT_TRUE(text.empty());
  return row.value_or(Row());
}

std::string ProblemOf(Format format, std::string_view text) {
  return OnlyRow(format, text).problem;
}

TEST(Rows, FormatFollowsTheFileName) {
  const std::pair<const char*, Format> files[] = {{"a.tsv", Format::kTsv},      {"dir.tsv/a.jsonl", Format::kJsonl},
                                                  {"a.ndjson", Format::kJsonl}, {"a.json", Format::kJsonl},
                                                  {"a.csv", Format::kCsv},      {"a.txt", Format::kText},
                                                  {"DEV.TSV", Format::kTsv},    {"-", Format::kTsv},
                                                  {"/dev/fd/63", Format::kTsv}, {"v1.2/texts", Format::kTsv}};
  for (const auto& [name, format] : files) EXPECT_EQ(FormatOfFile(name, Format::kTsv).value(), format) << name;
  for (const char* name : {"a.tsv.gz", "a.xlsx", "a.", "dir/a.tsv~"}) {
    EXPECT_THAT(std::string(FormatOfFile(name, Format::kText).status().message()), HasSubstr(name));
  }
}

TEST(Rows, FormatsHaveNames) {
  EXPECT_EQ(FormatNamed("txt"), Format::kText);
  EXPECT_EQ(FormatNamed("tsv"), Format::kTsv);
  EXPECT_EQ(FormatNamed("jsonl"), Format::kJsonl);
  EXPECT_EQ(FormatNamed("csv"), Format::kCsv);
  EXPECT_EQ(FormatNamed("xml"), std::nullopt);
}

TEST(Rows, ATextLineIsTheText) {
  EXPECT_EQ(OnlyRow(Format::kText, " a\tb ").values[kText], " a\tb ");
}

TEST(Rows, InvalidUtf8IsNamedByItsByte) {
  EXPECT_EQ(ProblemOf(Format::kText, "ab\xC0\xAF"), "text: invalid UTF-8 at byte 2");
  EXPECT_EQ(ProblemOf(Format::kText, "\xED\xA0\x80"), "text: invalid UTF-8 at byte 0");
  EXPECT_EQ(ProblemOf(Format::kText, "abc\xE2\x82"), "text: invalid UTF-8 at byte 3");
  EXPECT_EQ(ProblemOf(Format::kTsv, "text\tid\na\t\xFF"), "id: invalid UTF-8 at byte 0");
}

TEST(Rows, ColumnsMayStandInAnyOrder) {
  const Row row = OnlyRow(Format::kTsv, "id\ttext\tlabel\ttext_pair\n7\tgood\tpositive\tmore");
  EXPECT_EQ(row.problem, "");
  EXPECT_EQ(row.values[kId], "7");
  EXPECT_EQ(row.values[kText], "good");
  EXPECT_EQ(row.values[kLabel], "positive");
  EXPECT_EQ(row.values[kPair], "more");
}

TEST(Rows, OtherColumnsArePassedOver) {
  EXPECT_EQ(OnlyRow(Format::kTsv, "note\ttext\nx\tgood").values[kText], "good");
  EXPECT_EQ(OnlyRow(Format::kCsv, "note,text\nx,good").values[kText], "good");
}

TEST(Rows, ABadHeaderIsTheLastRow) {
  EXPECT_THAT(ProblemOf(Format::kTsv, "label\tsentence"), HasSubstr("no column \"text\""));
  EXPECT_THAT(ProblemOf(Format::kTsv, "text\ttext"), HasSubstr("\"text\" twice"));
  EXPECT_TRUE(OnlyRow(Format::kCsv, "sentence").is_last);
}

TEST(Rows, ARowWithAnotherNumberOfValuesIsBad) {
  EXPECT_EQ(ProblemOf(Format::kTsv, "label\ttext\npositive"), "1 fields; the header has 2");
  EXPECT_EQ(ProblemOf(Format::kTsv, "label\ttext\na\tb\tc"), "3 fields; the header has 2");
}

TEST(Rows, FieldsOfJsonLines) {
  const Row row = OnlyRow(Format::kJsonl, R"({"text": "a", "text_pair": "b", "id": "x", "label": 1, "n": []})");
  EXPECT_EQ(row.problem, "");
  EXPECT_EQ(row.values[kText], "a");
  EXPECT_EQ(row.values[kPair], "b");
  EXPECT_EQ(row.values[kId], "x");
  EXPECT_EQ(row.values[kLabel], "1");
}

TEST(Rows, JsonNullIsAbsent) {
  const Row row = OnlyRow(Format::kJsonl, R"({"text": "a", "text_pair": null, "id": null})");
  EXPECT_EQ(row.problem, "");
  EXPECT_FALSE(row.values[kPair].has_value());
}

TEST(Rows, AJsonIdMayBeAnInteger) {
  EXPECT_EQ(OnlyRow(Format::kJsonl, R"({"text": "a", "id": 12})").values[kId], "12");
}

TEST(Rows, BadJsonLinesAreNamed) {
  EXPECT_THAT(ProblemOf(Format::kJsonl, "{broken"), HasSubstr("not JSON: parse error at line 1, column 2"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, " \n"), HasSubstr("not JSON"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, "[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, "{}"), HasSubstr("text is missing"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, R"({"text": null})"), HasSubstr("text is missing"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, R"({"text": "a", "text_pair": 3})"), HasSubstr("text_pair is 3; it must be"));
  EXPECT_THAT(ProblemOf(Format::kJsonl, std::string("{\"text\": \"a\"}\0x", 15)), HasSubstr("NUL"));
}

TEST(Rows, AnEmptyPairIsNone) {
  EXPECT_EQ(OnlyRow(Format::kTsv, "text\ttext_pair\na\t\n").values[kPair], std::nullopt);
  EXPECT_EQ(OnlyRow(Format::kCsv, "text,text_pair\na,\"\"\n").values[kPair], std::nullopt);
  EXPECT_EQ(OnlyRow(Format::kJsonl, R"({"text": "a", "text_pair": ""})").values[kPair], std::nullopt);
}

TEST(Rows, EmptyLinesArePassedOverButForThoseOfText) {
  for (const std::string end : {"\n", "\r\n"}) {
    const std::pair<Format, std::vector<std::string>> files[] = {
        {Format::kTsv, {"", "text\tid", "", "a\t1", "", "", "b\t2", ""}},
        {Format::kCsv, {"", "text,id", "", "a,1", "", "", "b,2", ""}},
        {Format::kJsonl, {"", "", "", R"({"text": "a"})", "", "", R"({"text": "b"})", ""}}};
    for (const auto& [format, lines] : files) {
      std::string text = "\xEF\xBB\xBF";
      for (const std::string& line : lines) text += line + end;
      RowParser parser({.format = format});
      std::string_view rest = text;
      std::vector<std::string> rows;
      while (const auto row = parser.Take(&rest, true)) {
        rows.push_back(std::to_string(row->line) + ":" + row->values[kText].value_or("") + row->problem);
      }
      EXPECT_THAT(rows, ElementsAre("4:a", "7:b"));
    }
  }
  EXPECT_EQ(OnlyRow(Format::kText, "\n").values[kText], "");
  EXPECT_EQ(OnlyRow(Format::kCsv, "text\n\"\"\n").values[kText], "") << "a value, and not an empty line";
}

/// Texts of every format, cut at every place, give the rows that they give whole.
TEST(Rows, ATextMayArriveInPieces) {
  const std::pair<Format, std::string> texts[] = {{Format::kText,
                                                   "\xEF\xBB\xBF"
                                                   "one\r\n\ntwo"},
                                                  {Format::kTsv, "text\tid\na\t1\nb\t2\n"},
                                                  {Format::kCsv, "text,id\r\n\"a\n\"\"b\"\"\",1\r\nc\"d,2\ne,\"3\"\n"},
                                                  {Format::kJsonl, "{\"text\": \"a\"}\n{\n{\"text\": \"b\"}"}};
  for (const auto& [format, text] : texts) {
    const auto rows_of = [format = format, &text = text](size_t cut) {
      RowParser parser({.format = format});
      std::vector<std::string> rows;
      std::string arrived;
      for (const bool ended : {false, true}) {
        arrived += ended ? text.substr(cut) : text.substr(0, cut);
        std::string_view rest = arrived;
        while (const std::optional<Row> row = parser.Take(&rest, ended)) {
          rows.push_back(std::to_string(row->line) + ":" + row->values[kText].value_or("") + row->problem);
        }
        arrived = std::string(rest);
      }
      return rows;
    };
    const std::vector<std::string> whole = rows_of(text.size());
    EXPECT_GE(whole.size(), 2u);
    for (size_t cut = 0; cut < text.size(); ++cut) EXPECT_EQ(rows_of(cut), whole) << text << " at " << cut;
  }
}

}  // namespace
}  // namespace roberta::rows
