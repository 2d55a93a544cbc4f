#include "profiles/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace roberta::tokenizer {
namespace {

TEST(UnicodeClasses, KnowsTheFour) {
  EXPECT_EQ(ClassOf('a'), CharacterClass::kLetter);
  EXPECT_EQ(ClassOf(0x65E5), CharacterClass::kLetter);  // 日
  EXPECT_EQ(ClassOf('7'), CharacterClass::kNumber);
  EXPECT_EQ(ClassOf(0x00B2), CharacterClass::kNumber);  // superscript two, No
  EXPECT_EQ(ClassOf(0x2167), CharacterClass::kNumber);  // Roman eight, Nl
  EXPECT_EQ(ClassOf(0x3000), CharacterClass::kSpace);
  EXPECT_EQ(ClassOf(0x0085), CharacterClass::kSpace);
  EXPECT_EQ(ClassOf('!'), CharacterClass::kOther);
  EXPECT_EQ(ClassOf(0x0301), CharacterClass::kOther);  // combining marks are no letters
}

TEST(UnicodeClasses, WhatLooksLikeASpaceIsNoneUnlessUnicodeSaysSo) {
  EXPECT_EQ(ClassOf(0x180E), CharacterClass::kOther);
  EXPECT_EQ(ClassOf(0x200B), CharacterClass::kOther);
  EXPECT_EQ(ClassOf(0xFEFF), CharacterClass::kOther);
}

TEST(UnicodeClasses, SixteenIsTheLastVersionThatCounts) {
  EXPECT_EQ(ClassOf(0x10D50), CharacterClass::kLetter);  // Garay, new in 16.0
  EXPECT_EQ(ClassOf(0x10D40), CharacterClass::kNumber);  // a Garay digit
  EXPECT_EQ(ClassOf(0xA7CE), CharacterClass::kOther);    // new in 17.0
}

TEST(UnicodeClasses, TheEndsOfUnicode) {
  EXPECT_EQ(ClassOf(0), CharacterClass::kOther);
  EXPECT_EQ(ClassOf(0x10FFFF), CharacterClass::kOther);
}

TEST(UnicodeClasses, WordCharactersAreMoreThanLetters) {
  for (const uint32_t word : {0x61u, 0x37u, 0x5Fu, 0x0301u, 0x200Du, 0x2167u})
    EXPECT_TRUE(IsWordCharacter(word)) << word;
  for (const uint32_t other : {0x20u, 0x21u, 0x2Du, 0x00B2u, 0x1F3ACu}) EXPECT_FALSE(IsWordCharacter(other)) << other;
}

}  // namespace
}  // namespace roberta::tokenizer
