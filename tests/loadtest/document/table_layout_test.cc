#include "loadtest/document/table_layout.h"

#include <cairo-pdf.h>
#include <gtest/gtest.h>

#include <memory>

namespace roberta::loadtest::document {
namespace {

using Parts = std::pair<std::string, std::string>;

TEST(SplitAtDecimal, ThePointBeginsTheSecondPart) {
  EXPECT_EQ(SplitAtDecimal("88.30 %"), Parts("88", ".30 %"));
  EXPECT_EQ(SplitAtDecimal("1,234.5"), Parts("1,234", ".5"));
}

TEST(SplitAtDecimal, WithoutAPointTheUnitDoes) {
  EXPECT_EQ(SplitAtDecimal("12 ms"), Parts("12", " ms"));
  EXPECT_EQ(SplitAtDecimal("1,234"), Parts("1,234", ""));
  EXPECT_EQ(SplitAtDecimal("3x"), Parts("3", "x"));
}

TEST(SplitAtDecimal, SignsAndComparisonsBelongToTheNumber) {
  EXPECT_EQ(SplitAtDecimal("-0.5"), Parts("-0", ".5"));
  EXPECT_EQ(SplitAtDecimal("−0.5"), Parts("−0", ".5"));
  EXPECT_EQ(SplitAtDecimal("< 0.1"), Parts("< 0", ".1"));
}

TEST(SplitAtDecimal, ACommaThatEndsIsNotOfTheNumber) {
  EXPECT_EQ(SplitAtDecimal("12, of 13"), Parts("12", ", of 13"));
}

TEST(SplitAtDecimal, WhatIsNoNumberIsWhole) {
  EXPECT_EQ(SplitAtDecimal("not measured"), Parts("", "not measured"));
  EXPECT_EQ(SplitAtDecimal(""), Parts("", ""));
  EXPECT_EQ(SplitAtDecimal("-"), Parts("", "-"));
}

class Measured : public testing::Test {
 protected:
  Measured()
      : surface_(cairo_pdf_surface_create_for_stream(nullptr, nullptr, 600, 800)), cairo_(cairo_create(surface_)) {}
  ~Measured() override {
    cairo_destroy(cairo_);
    cairo_surface_destroy(surface_);
  }

  cairo_surface_t* surface_;
  cairo_t* cairo_;
};

using TableLayoutTest = Measured;

TEST_F(TableLayoutTest, NeverIsWiderThanItMay) {
  Table table = {"", {{"profile", Align::kText}}, {{{std::string(300, 'w')}}}};
  for (int i = 0; i < 12; ++i) {
    table.columns.push_back({"a long title of a column"});
    table.rows[0].push_back({"1234567.891 requests/s"});
  }
  EXPECT_LE(TableLayout(cairo_, &table, 480).width(), 480.5);
}

TEST_F(TableLayoutTest, LongTextMakesTheRowHigher) {
  const Table one = {"", {{"note", Align::kText}}, {{{"short"}}}};
  std::string words;
  for (int i = 0; i < 60; ++i) words += "words ";
  const Table many = {"", {{"note", Align::kText}}, {{{words}}}};
  EXPECT_GT(TableLayout(cairo_, &many, 200).RowHeight(0), 5 * TableLayout(cairo_, &one, 200).RowHeight(0));
}

TEST_F(TableLayoutTest, ARowMayBeShort) {
  const Table table = {"", {{"a"}, {"b"}}, {{{"1"}}, {}}};
  const TableLayout layout(cairo_, &table, 200);
  layout.DrawRow(0, 0, 0);
  layout.DrawRow(1, 0, 0);
  EXPECT_EQ(cairo_status(cairo_), CAIRO_STATUS_SUCCESS);
}

}  // namespace
}  // namespace roberta::loadtest::document
