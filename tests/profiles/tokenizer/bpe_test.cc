#include "profiles/tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/test_paths.h"

namespace roberta::tokenizer {
namespace {

/// The algorithm as the paper has it: again and again the first of the best pairs. Quadratic and plain.
std::vector<int32_t> Plainly(const Vocabulary& vocabulary, const std::string& word) {
  std::vector<int32_t> ids;
  for (const char byte : word) {
    for (size_t id = 0; id < vocabulary.bytes.size(); ++id) {
      if (vocabulary.bytes[id] == std::string(1, byte)) ids.push_back(static_cast<int32_t>(id));
    }
  }
  while (true) {
    size_t best = vocabulary.merges.size(), at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best; ++rank) {
        if (vocabulary.merges[rank].left == ids[i] && vocabulary.merges[rank].right == ids[i + 1]) {
          best = rank;
          at = i;
        }
      }
    }
    if (best == vocabulary.merges.size()) return ids;
    ids[at] = vocabulary.merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

/// All bytes, and merges over a few letters.
Vocabulary SmallVocabulary() {
  Vocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.bytes.emplace_back(1, static_cast<char>(byte));
  const auto add = [&](int32_t left, int32_t right) {
    const auto result = static_cast<int32_t>(vocabulary.bytes.size());
    vocabulary.bytes.push_back(vocabulary.bytes[static_cast<size_t>(left)] +
                               vocabulary.bytes[static_cast<size_t>(right)]);
    vocabulary.merges.push_back({left, right, result});
    return result;
  };
  const int32_t ab = add('a', 'b'), aa = add('a', 'a'), bc = add('b', 'c');
  const int32_t aab = add(aa, 'b'), abab = add(ab, ab);
  add('c', aab);
  add(bc, abab);
  add(aa, aa);
  vocabulary.tokens = vocabulary.bytes;
  return vocabulary;
}

TEST(BytePairEncoder, EqualsThePlainAlgorithmWhateverTheLength) {
  const Vocabulary vocabulary = SmallVocabulary();
  const BytePairEncoder encoder(vocabulary);
  BpeScratch scratch;
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string word(1 + random() % 80, 'a');  // both sides of the length from which on a heap is used
    for (char& letter : word) letter = static_cast<char>('a' + random() % 4);
    std::vector<int32_t> ids;
    std::vector<uint32_t> lengths;
    encoder.Encode(word, &scratch, &ids, &lengths);
    ASSERT_EQ(ids, Plainly(vocabulary, word)) << word;
    ASSERT_EQ(lengths.size(), ids.size());
    size_t covered = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(word.substr(covered, lengths[i]), vocabulary.bytes[static_cast<size_t>(ids[i])]);
      covered += lengths[i];
    }
    ASSERT_EQ(covered, word.size());
  }
}

TEST(BytePairEncoder, AWordOfTheVocabularyThatNoMergeReachesIsNotUsed) {
  Vocabulary vocabulary = SmallVocabulary();
  vocabulary.bytes.push_back("cd");
  vocabulary.tokens.push_back("cd");
  BpeScratch scratch;
  std::vector<int32_t> ids;
  BytePairEncoder(vocabulary).Encode("cd", &scratch, &ids, nullptr);
  EXPECT_EQ(ids, (std::vector<int32_t>{'c', 'd'}));
}

}  // namespace
}  // namespace roberta::tokenizer
