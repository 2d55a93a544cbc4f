#include "profiles/tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <set>

namespace roberta::tokenizer {
namespace {

TEST(ByteAlphabet, SpellsEveryByteDifferentlyAndBack) {
  std::set<std::string> spellings;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    const std::string token = TokenOfBytes(bytes);
    EXPECT_EQ(BytesOfToken(token), bytes);
    spellings.insert(token);
  }
  EXPECT_EQ(spellings.size(), 256u);
}

TEST(ByteAlphabet, SpellsAsGpt2Does) {
  EXPECT_EQ(TokenOfBytes(" world\n"), "ĠworldĊ");
  EXPECT_EQ(TokenOfBytes("é"), "Ã©");
  EXPECT_EQ(TokenOfBytes("\x7F\xA0\xAD"), "ġłŃ");
}

TEST(ByteAlphabet, OtherCharactersStandForNothing) {
  EXPECT_EQ(BytesOfToken("日"), std::nullopt);
  EXPECT_EQ(BytesOfToken("a b"), std::nullopt);
}

}  // namespace
}  // namespace roberta::tokenizer
