#include "profiles/terminal/terminal.h"

#include <gtest/gtest.h>

namespace roberta::terminal {
namespace {

TEST(DisplayedText, IsFilledWithSpaces) {
  EXPECT_EQ(FitToColumns("abc", 5), "abc  ");
  EXPECT_EQ(FitToColumns("", 2), "  ");
}

TEST(DisplayedText, IsCutWithAnEllipsis) {
  EXPECT_EQ(FitToColumns("abcdef", 4), "abc…");
  EXPECT_EQ(FitToColumns("abcd", 4), "abcd");
  EXPECT_EQ(FitToColumns("abc", 1), "…");
  EXPECT_EQ(FitToColumns("abc", 0), "");
}

TEST(DisplayedText, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(ColumnsOf("日本"), 4u);
  EXPECT_EQ(ColumnsOf("🎬"), 2u);
  EXPECT_EQ(FitToColumns("日本語", 5), "日本…");
  EXPECT_EQ(FitToColumns("日本語", 4), "日… ");
}

TEST(DisplayedText, CombiningCharactersTakeNone) {
  EXPECT_EQ(ColumnsOf("e\u0301"), 1u);
}

TEST(DisplayedText, NothingInItDrivesTheTerminal) {
  EXPECT_EQ(FitToColumns("a\x1b[31mb\nc\td", 12), "a [31mb c d ");
  EXPECT_EQ(FitToColumns("a\u202Eb", 3), "a b");
}

}  // namespace
}  // namespace roberta::terminal
