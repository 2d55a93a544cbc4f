#include "profiles/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roberta::tokenizer {
namespace {

using Words = std::vector<std::string>;

Words WordsOf(const std::string& text) {
  static const PreTokenizer pre_tokenizer;
  Words words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t length = pre_tokenizer.WordLength(text, begin);
    if (length == 0) {
      ADD_FAILURE() << "empty word at byte " << begin;
      break;
    }
    words.push_back(text.substr(begin, length));
    begin += length;
  }
  return words;
}

TEST(PreTokenizer, WordsTakeTheSpaceBeforeThem) {
  EXPECT_EQ(WordsOf("one two  three "), (Words{"one", " two", " ", " three", " "}));
}

TEST(PreTokenizer, OnlyTheAsciiSpaceIsTaken) {
  EXPECT_EQ(WordsOf("a\tb\u3000c"), (Words{"a", "\t", "b", "\u3000", "c"}));
}

TEST(PreTokenizer, ContractionsAreLowerCaseAndGreedyInOrder) {
  EXPECT_EQ(WordsOf("I'll they've 'tis O'Re 'S"),
            (Words{"I", "'ll", " they", "'ve", " '", "tis", " O", "'", "Re", " '", "S"}));
  EXPECT_EQ(WordsOf("'sand"), (Words{"'s", "and"}));
  EXPECT_EQ(WordsOf("'r 'v 'l"), (Words{"'", "r", " '", "v", " '", "l"}));
}

TEST(PreTokenizer, LettersNumbersAndTheRestArePartedFromOneAnother) {
  EXPECT_EQ(WordsOf("abc123!?x²e\u0301"), (Words{"abc", "123", "!?", "x", "²", "e", "\u0301"}));
  EXPECT_EQ(WordsOf(" 12 !a"), (Words{" 12", " !", "a"}));
}

TEST(PreTokenizer, RunsOfSpacesLeaveTheLastOneToTheWord) {
  EXPECT_EQ(WordsOf("a   b"), (Words{"a", "  ", " b"}));
  EXPECT_EQ(WordsOf("a \n b"), (Words{"a", " \n", " b"}));
  EXPECT_EQ(WordsOf("a  \nb"), (Words{"a", "  ", "\n", "b"}));
  EXPECT_EQ(WordsOf("   "), (Words{"   "}));
}

TEST(PreTokenizer, AnApostropheInARunOfSymbolsIsOneOfThem) {
  EXPECT_EQ(WordsOf("!'s"), (Words{"!'", "s"}));
  EXPECT_EQ(WordsOf("a's"), (Words{"a", "'s"}));
}

}  // namespace
}  // namespace roberta::tokenizer
