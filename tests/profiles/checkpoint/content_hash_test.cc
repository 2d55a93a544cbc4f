#include "profiles/checkpoint/files.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <set>
#include <string>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint {
namespace {

std::string Counting(size_t length) {
  std::string text;
  for (size_t i = 0; i < length; ++i) text += static_cast<char>(i * 7 + 3);
  return text;
}

TEST(ContentHash, EveryBitOfEveryLengthCounts) {
  for (const size_t length : {1u, 7u, 8u, 15u, 16u, 17u, 63u, 64u, 65u, 200u}) {
    const std::string text = Counting(length);
    std::set<uint64_t> hashes = {ContentHash(text, 1)};
    for (size_t bit = 0; bit < length * 8; ++bit) {
      std::string changed = text;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_TRUE(hashes.insert(ContentHash(changed, 1)).second) << length << " bytes, bit " << bit;
    }
  }
}

TEST(ContentHash, LengthOfZerosCounts) {
  std::set<uint64_t> hashes;
  for (size_t length = 0; length < 300; ++length)
    EXPECT_TRUE(hashes.insert(ContentHash(std::string(length, '\0'), 0)).second);
}

TEST(ContentHash, SeedCounts) {
  EXPECT_NE(ContentHash("text", 1), ContentHash("text", 2));
}

TEST(ContentHash, BoundariesOfChainedPiecesCount) {
  EXPECT_NE(ContentHash("c", ContentHash("ab", 0)), ContentHash("bc", ContentHash("a", 0)));
}

TEST(ContentHash, OneBitChangesHalfOfTheHash) {
  int changed_bits = 0;
  constexpr int kBytes = 256;
  for (int i = 0; i < kBytes * 8; ++i) {
    std::string text = Counting(kBytes);
    const uint64_t before = ContentHash(text, 0);
    text[static_cast<size_t>(i) / 8] = static_cast<char>(text[static_cast<size_t>(i) / 8] ^ (1 << (i % 8)));
    changed_bits += std::popcount(before ^ ContentHash(text, 0));
  }
  EXPECT_NEAR(changed_bits / (kBytes * 8.0), 32.0, 1.0);
}

TEST(ContentHash, DoesNotDependOnAlignment) {
  const std::string text = Counting(100);
  const std::string shifted = "x" + text;
  EXPECT_EQ(ContentHash(text, 5), ContentHash(std::string_view(shifted).substr(1), 5));
}

// Revisions are compared between processes and kept in records, so the function is frozen.
TEST(ContentHash, IsTheSameInEveryProcess) {
  EXPECT_EQ(ContentHash("", 0), 0x62254989CE48792Du);
  EXPECT_EQ(ContentHash(Counting(200), 42), 0xC29E04D95106563Au);
}

}  // namespace
}  // namespace roberta::checkpoint
