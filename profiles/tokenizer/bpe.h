#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/tokenizer/vocabulary.h"

namespace roberta::tokenizer {

/// Byte-level BPE spells every byte as a printable character (GPT-2's bytes_to_unicode): printable Latin-1 bytes as
/// themselves, the other 68 as U+0100 and up, in order.

/// The bytes that `token` (UTF-8, as vocab.json spells it) stands for; nullopt if it has a character outside of the
/// alphabet.
std::optional<std::string> BytesOfToken(std::string_view token);

/// The other way round: how vocab.json spells `bytes`.
std::string TokenOfBytes(std::string_view bytes);

/// Memory that encoding reuses from word to word; one per thread.
struct BpeScratch {
  struct Symbol {
    int32_t id;        ///< -1: merged into the one before
    int32_t previous;  ///< index; -1: none
    int32_t next;      ///< index; -1: none
    uint32_t length_bytes;
  };
  struct Candidate {
    uint32_t rank;
    int32_t left;               ///< index of the left symbol
    int32_t left_id, right_id;  ///< as they were when this was found; stale otherwise
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::vector<uint32_t> ranks;
};

/// Byte-pair encoding of one word (Sennrich et al. 2016, on bytes): start with a token per byte, and merge the adjacent
/// pair of lowest rank, the leftmost of equals, until none is left. Words that come out as one token, found by running
/// the merges over the whole vocabulary at load, are looked up instead. Immutable.
class BytePairEncoder {
 public:
  /// `vocabulary` need not outlive this.
  explicit BytePairEncoder(const Vocabulary& vocabulary);

  /// Appends the ids of `word` (not empty) to `*ids`, and if `lengths_bytes` is not null, the bytes each stands for.
  /// O(n) for words that are one token; else O(n^2) for up to 32 bytes and O(n log n) beyond.
  void Encode(std::string_view word, BpeScratch* scratch, std::vector<int32_t>* ids,
              std::vector<uint32_t>* lengths_bytes) const;

 private:
  static constexpr uint32_t kNoRank = 0xFFFFFFFF;
  static constexpr size_t kShortWordBytes = 32;

  struct MergeSlot {
    uint64_t pair = kEmptyPair;
    uint32_t rank = kNoRank;
    int32_t result = -1;
  };
  struct WordSlot {
    uint32_t hash = 0;
    uint32_t offset = 0;        ///< into word_bytes_
    uint32_t length_bytes = 0;  ///< 0: empty slot
    int32_t id = -1;
  };
  static constexpr uint64_t kEmptyPair = ~uint64_t{0};

  const MergeSlot* FindMerge(int32_t left, int32_t right) const;
  int32_t FindWord(std::string_view word) const;
  void AddMerge(const Merge& merge, uint32_t rank);
  void AddWord(const std::string& bytes, int32_t id);
  void Merged(std::string_view word, BpeScratch* scratch) const;
  void MergeShort(BpeScratch* scratch) const;
  void MergeLong(BpeScratch* scratch) const;
  void PushCandidate(int32_t left, BpeScratch* scratch) const;

  std::array<int32_t, 256> id_of_byte_;  ///< -1: none
  const int32_t unknown_id_;
  const bool fuse_unknown_;
  std::vector<MergeSlot> merges_;  ///< open addressing; size is a power of two
  std::vector<WordSlot> words_;    ///< likewise
  std::string word_bytes_;
};

}  // namespace roberta::tokenizer
