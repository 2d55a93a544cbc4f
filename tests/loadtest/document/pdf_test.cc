#include "loadtest/document/pdf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/checkpoint/run_command.h"

namespace roberta::loadtest::document {
namespace {

using checkpoint_fixture::RunCommand;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kLongName[] = "quantized-with-a-name-as-long-as-a-name-of-a-profile-may-be-0064";
constexpr Color kBlue = {0, 0x72, 0xb2}, kOrange = {0xe6, 0x9f, 0};

Chart SomeLines() {
  LineChart lines;
  lines.x = {.label = "rate, requests/s"};
  lines.y = {.label = "latency, ms", .logarithmic = true};
  Series one = {kLongName, {kBlue, 0, 0}, {}}, two = {"pruned", {kOrange, 1, 1}, {}};
  for (int i = 1; i <= 10; ++i) {
    one.points.push_back({i * 100.0, 2.0 + i, std::pair(1.5 + i, 3.0 + i)});
    two.points.push_back({i * 100.0, std::exp(i / 2.0), std::nullopt});
  }
  lines.series = {one, two};
  lines.levels = {{50, "limit: 50 ms"}};
  return {"Latency against rate", "Lower is better: one stays flat where the other grows.", lines};
}

Chart SomeBars() {
  BarChart bars;
  bars.categories = {"baseline", "quantized", kLongName};
  bars.bars = {{"tokenize", {kBlue}, {1.0, 2.0, 3.0}}, {"infer", {kOrange}, {4.0, std::nullopt, 1.0}}};
  bars.y_label = "time, ms";
  return {"Phases", "Most of the time is spent in the model.", bars};
}

Document Sample() {
  Document document = {.title = "Quantization performance",
                       .subtitle = "demo-sst2 on a machine with 2 cores",
                       .footer = "roberta-loadtest 1.2.3, demo-sst2",
                       .subject = "before and after",
                       .keywords = {"RoBERTa", "quantization"},
                       .creator = "roberta-loadtest 1.2.3",
                       .created = "2026-01-31T12:00:00Z"};
  document.blocks.emplace_back(Heading{"Verdict"});
  document.blocks.emplace_back(Paragraph{"Run quantized: 3.1 times the rate at the same accuracy.", TextStyle::kLead});
  document.blocks.emplace_back(Paragraph{"The run broke off.", TextStyle::kWarning});
  Table table = {
      "Profiles", {{"profile", Align::kText}, {"rate, requests/s"}, {"p99, ms"}, {"remark", Align::kText}}, {}};
  table.rows.push_back({{"baseline", false, kBlue}, {"1,234.5"}, {"12.25"}, {"before"}});
  table.rows.push_back(
      {{kLongName, true, kOrange}, {"98"}, {"not measured"}, {"a remark that is long enough to be broken"}});
  document.blocks.emplace_back(table);
  document.blocks.emplace_back(SomeLines());
  document.blocks.emplace_back(SomeBars());
  return document;
}

/// A document as a file, looked at with poppler's tools.
class Pdf : public testing::Test {
 protected:
  void SetUp() override {
    if (RunCommand("command -v pdftotext pdfinfo pdffonts pdfimages gnuplot >/dev/null", "").exit_code != 0) {
      GTEST_SKIP() << "not checked: poppler-utils or gnuplot is not installed";
    }
  }
  std::string Ask(const std::string& tool, const Document& document) const {
    const auto bytes = RenderPdf(document);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    if (!bytes.ok()) return "";
    checkpoint_fixture::WriteFile(scratch_.In("x.pdf"), *bytes);
    const auto result =
        RunCommand(tool + " " + ShellWord(scratch_.In("x.pdf")) + (tool == "pdftotext -layout" ? " -" : ""), "");
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  const ScratchDirectory scratch_;
};

TEST_F(Pdf, HoldsEveryText) {
  const std::string text = Ask("pdftotext -layout", Sample());
  for (const char* expected : {"Quantization performance", "demo-sst2 on a machine", "Verdict", "Run quantized",
                               "broke off", "1,234.5", "not measured", kLongName, "Latency against rate",
                               "Lower is better", "limit: 50 ms", "rate, requests/s", "tokenize", "time, ms"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(Pdf, PagesAreA4AndNumbered) {
  Document document = Sample();
  document.blocks.insert(document.blocks.end() - 1, PageBreak());
  EXPECT_THAT(Ask("pdfinfo", document), AllOf(HasSubstr("(A4)"), HasSubstr("Pages:           2")));
  EXPECT_THAT(Ask("pdftotext -layout", document), AllOf(HasSubstr("page 1 of 2"), HasSubstr("page 2 of 2")));
}

TEST_F(Pdf, HalfChartsStandSideBySide) {
  Document document = Sample();
  for (Block& block : document.blocks) {
    if (auto* chart = std::get_if<Chart>(&block)) chart->half = true;
  }
  EXPECT_THAT(Ask("pdftotext -layout", document), testing::ContainsRegex("Latency against rate +Phases\n"));
}

TEST_F(Pdf, ARangeStandsBelowItsNumber) {
  Document document = Sample();
  std::get<Table>(document.blocks[3]).rows[0][1].note = "1,200 to 1,250";
  EXPECT_THAT(Ask("pdftotext -layout", document), HasSubstr("1,200 to 1,250"));
}

TEST_F(Pdf, TheLastRowOfATableDoesNotStandAlone) {
  // However the rows before it fall: one more each time, so that each place on the page is tried.
  for (int rows = 30; rows < 40; ++rows) {
    Document document;
    Table table = {"", {{"title", Align::kText}}, {}};
    for (int i = 0; i < rows; ++i) table.rows.push_back({{"row " + std::to_string(i) + "."}});
    document.blocks = {table};
    const std::string text = Ask("pdftotext -layout", document);
    const size_t page = text.find('\f'), last_but_one = text.find("row " + std::to_string(rows - 2) + ".");
    EXPECT_EQ(last_but_one < page, text.find("row " + std::to_string(rows - 1) + ".") < page) << rows;
  }
}

TEST_F(Pdf, HasItsMetadata) {
  EXPECT_THAT(Ask("pdfinfo", Sample()),
              AllOf(HasSubstr("Title:           Quantization performance"), HasSubstr("before and after"),
                    HasSubstr("RoBERTa, quantization"), HasSubstr("roberta-loadtest 1.2.3"), HasSubstr("2026")));
}

TEST_F(Pdf, FontsAreEmbedded) {
  const std::string fonts = Ask("pdffonts", Sample());
  EXPECT_THAT(fonts, HasSubstr("yes yes"));
  EXPECT_THAT(fonts, Not(HasSubstr(" no  ")));
}

TEST_F(Pdf, ChartsAreVectors) {
  // Two lines of titles, and no image below them.
  const std::string images = Ask("pdfimages -list", Sample());
  EXPECT_EQ(std::count(images.begin(), images.end(), '\n'), 2) << images;
}

TEST_F(Pdf, OutlineListsHeadingsChartsAndTables) {
  const auto bytes = RenderPdf(Sample());
  ASSERT_TRUE(bytes.ok());
  for (const char* entry : {"(Verdict)", "(Profiles)", "(Latency against rate)", "(Phases)"}) {
    EXPECT_THAT(*bytes, HasSubstr(entry));
  }
}

TEST_F(Pdf, AnEmptyChartLeavesItsReason) {
  Document document = Sample();
  for (Series& series : std::get<LineChart>(std::get<Chart>(document.blocks[4]).plot).series) series.points.clear();
  EXPECT_THAT(Ask("pdftotext -layout", document), HasSubstr("not measured: no point of it has a value"));
}

TEST_F(Pdf, ALongTableRepeatsItsTitlesOnEveryPage) {
  Document document = Sample();
  Table& table = std::get<Table>(document.blocks[3]);
  for (int i = 0; i < 100; ++i) table.rows.push_back({{"row " + std::to_string(i)}, {"1"}, {"2"}, {"x"}});
  const std::string text = Ask("pdftotext -layout", document);
  size_t titles = 0;
  for (size_t at = text.find("remark\n"); at != std::string::npos; at = text.find("remark\n", at + 1)) ++titles;
  EXPECT_GE(titles, 3u) << text;
  for (int i = 0; i < 100; ++i) EXPECT_THAT(text, HasSubstr("row " + std::to_string(i)));
}

TEST_F(Pdf, ALongTextGoesOnOnTheNextPage) {
  Document document = Sample();
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "word" + std::to_string(i) + " ";
  document.blocks = {Paragraph{text}};
  const std::string shown = Ask("pdftotext -layout", document);
  for (int i = 0; i < 3000; ++i) EXPECT_THAT(shown, HasSubstr("word" + std::to_string(i)));
}

TEST_F(Pdf, BytesThatAreNoUtf8AreNotLostInSilence) {
  Document document = Sample();
  document.blocks = {
      Paragraph{"before\xff"
                "after"}};
  EXPECT_THAT(Ask("pdftotext -layout", document), AllOf(HasSubstr("before"), HasSubstr("after")));
}

TEST_F(Pdf, IsTheSameEachTime) {
  const auto one = RenderPdf(Sample()), two = RenderPdf(Sample());
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(*one, *two);
}

}  // namespace
}  // namespace roberta::loadtest::document
