#include "profiles/tokenizer/utf8.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/test_paths.h"

namespace roberta::tokenizer {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  std::optional<size_t> invalid_at;
};

class FirstInvalid : public testing::TestWithParam<Case> {};

TEST_P(FirstInvalid, IsWhereTheSequenceStarts) {
  EXPECT_EQ(FirstInvalidUtf8(GetParam().bytes), GetParam().invalid_at);
}

TEST_P(FirstInvalid, IsFoundBehindAnyAmountOfAscii) {
  for (size_t before = 0; before < 20; ++before) {
    const std::string text = std::string(before, 'x') + GetParam().bytes + "tail of eight";
    std::optional<size_t> expected = GetParam().invalid_at;
    if (expected) *expected += before;
    EXPECT_EQ(FirstInvalidUtf8(text), expected) << before;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FirstInvalid,
    testing::Values(Case{"Empty", "", {}}, Case{"Ascii", "abc\x7F", {}}, Case{"Nul", std::string("a\0b", 3), {}},
                    Case{"LeastOfTwo", "\xC2\x80", {}}, Case{"MostOfTwo", "\xDF\xBF", {}},
                    Case{"LeastOfThree", "\xE0\xA0\x80", {}}, Case{"MostOfThree", "\xEF\xBF\xBF", {}},
                    Case{"BeforeSurrogates", "\xED\x9F\xBF", {}}, Case{"AfterSurrogates", "\xEE\x80\x80", {}},
                    Case{"LeastOfFour", "\xF0\x90\x80\x80", {}}, Case{"MostOfAll", "\xF4\x8F\xBF\xBF", {}},
                    Case{"Noncharacter", "\xEF\xB7\x90", {}}, Case{"LoneContinuation", "\x80", 0},
                    Case{"OverlongTwo", "\xC0\xAF", 0}, Case{"OverlongThree", "\xE0\x9F\xBF", 0},
                    Case{"OverlongFour", "\xF0\x8F\xBF\xBF", 0}, Case{"Surrogate", "\xED\xA0\x80", 0},
                    Case{"AboveUnicode", "\xF4\x90\x80\x80", 0}, Case{"FiveBytes", "\xF8\x88\x80\x80\x80", 0},
                    Case{"Fe", "\xFE", 0}, Case{"Ff", "\xFF", 0}, Case{"CutOfTwo", "a\xC3(", 1},
                    Case{"CutOfThree", "\xE2\x82(", 0}, Case{"CutOfFour", "\xF0\x9F\x8E(", 0},
                    Case{"AfterGoodOnes", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\xAC\xC3\xC3", 9}),
    [](const auto& one) { return one.param.name; });

TEST(Utf8, ASequenceThatTheEndCutsIsInvalid) {
  EXPECT_EQ(FirstInvalidUtf8("ab\xE2\x82"), 2u);
  EXPECT_EQ(FirstInvalidUtf8("\xF0\x9F\x8E"), 0u);
}

TEST(Utf8, AgreesWithThePublishedCases) {
  ROBERTA_SHARED_OR_SKIP(path, "data/utf8-invalid/utf8tests.bin");
  std::ifstream file(path, std::ios::binary);
  int valid = 0, invalid = 0;
  for (std::string line; std::getline(file, line);) {
    const size_t verdict = line.find(':') + 1;
    const size_t bytes = line.find(':', verdict) + 1;
    const bool expected = line.compare(verdict, bytes - verdict, "valid:") == 0;
    EXPECT_EQ(!FirstInvalidUtf8(std::string_view(line).substr(bytes)), expected) << line.substr(0, bytes);
    ++(expected ? valid : invalid);
  }
  EXPECT_GT(valid, 50);
  EXPECT_GT(invalid, 100);
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("aé€🎬"), 4u);
}

TEST(Utf8, BlankIsWhiteSpaceOfAllKinds) {
  EXPECT_TRUE(IsBlank(""));
  EXPECT_TRUE(IsBlank(" \t\r\n\u00A0\u2028\u3000\u0085"));
  EXPECT_FALSE(IsBlank(" \u200B"));
  EXPECT_FALSE(IsBlank(std::string_view("\0", 1)));
}

TEST(Utf8, DecodesTheEnds) {
  EXPECT_EQ(FirstCodePoint("🎬a").value, 0x1F3ACu);
  EXPECT_EQ(FirstCodePoint("🎬a").length_bytes, 4u);
  EXPECT_EQ(LastCodePoint("a€").value, 0x20ACu);
  EXPECT_EQ(LastCodePoint("é").length_bytes, 2u);
}

}  // namespace
}  // namespace roberta::tokenizer
