#include "profiles/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roberta::tokenizer {
namespace {

/// The pieces with their ids, text as "-".
std::string SplitUp(const std::vector<AddedToken>& tokens, const std::string& text, bool split_special = false) {
  std::vector<Piece> pieces;
  AddedTokenSplitter(tokens, false, split_special).Split(text, &pieces);
  std::string shown;
  size_t covered = 0;
  for (const Piece& piece : pieces) {
    EXPECT_EQ(piece.begin, covered);
    covered = piece.end;
    shown += (piece.id == Piece::kText ? "-" : std::to_string(piece.id)) + "(" +
             text.substr(piece.begin, piece.end - piece.begin) + ")";
  }
  EXPECT_EQ(covered, text.size());
  return shown;
}

TEST(AddedTokenSplitter, NothingAddedNothingSplit) {
  EXPECT_EQ(SplitUp({}, "a<s>b"), "-(a<s>b)");
  EXPECT_EQ(SplitUp({{.id = 1, .content = "<s>"}}, ""), "");
}

TEST(AddedTokenSplitter, FindsTokensAnywhere) {
  EXPECT_EQ(SplitUp({{.id = 1, .content = "<s>"}}, "<s>a<s><s>b<s"), "1(<s>)-(a)1(<s>)1(<s>)-(b<s)");
}

TEST(AddedTokenSplitter, LeftmostThenLongest) {
  EXPECT_EQ(SplitUp({{.id = 1, .content = "ab"}, {.id = 2, .content = "abc"}, {.id = 3, .content = "bc"}}, "xabcab"),
            "-(x)2(abc)1(ab)");
}

TEST(AddedTokenSplitter, SwallowsSpacesAsTold) {
  EXPECT_EQ(SplitUp({{.id = 1, .content = "<m>", .lstrip = true}}, "a \u3000<m> b"), "-(a)1( \u3000<m>)-( b)");
  EXPECT_EQ(SplitUp({{.id = 1, .content = "<m>", .rstrip = true}}, "a <m> \nb"), "-(a )1(<m> \n)-(b)");
}

TEST(AddedTokenSplitter, ATokenWhoseSpacesWereSwallowedBeginsAfterThem) {
  EXPECT_EQ(SplitUp({{.id = 1, .content = "<m>", .rstrip = true}, {.id = 2, .content = " x"}}, "<m>  xy"),
            "1(<m>  )2(x)-(y)");
}

TEST(AddedTokenSplitter, SingleWordsTouchNoWord) {
  const std::vector<AddedToken> tokens = {{.id = 1, .content = "cat", .single_word = true}};
  EXPECT_EQ(SplitUp(tokens, "cat concat cats a-cat!"), "1(cat)-( concat cats a-)1(cat)-(!)");
}

TEST(AddedTokenSplitter, NormalizedTokensAreAnotherSplitters) {
  EXPECT_EQ(SplitUp({{.id = 1, .content = "ab", .normalized = true}, {.id = 2, .content = "bc"}}, "abc ab"),
            "-(a)2(bc)-( ab)");
}

TEST(AddedTokenSplitter, SpecialTokensStayTextOnRequest) {
  const std::vector<AddedToken> tokens = {{.id = 1, .content = "<s>", .special = true}, {.id = 2, .content = "s>"}};
  EXPECT_EQ(SplitUp(tokens, "<s>s>"), "1(<s>)2(s>)");
  EXPECT_EQ(SplitUp(tokens, "<s>s>", true), "-(<s>)2(s>)");
}

}  // namespace
}  // namespace roberta::tokenizer
