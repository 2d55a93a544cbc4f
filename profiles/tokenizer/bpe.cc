#include "profiles/tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "profiles/tokenizer/utf8.h"

namespace roberta::tokenizer {
namespace {

constexpr uint32_t kAlphabetEnd = 0x100 + 68;

struct Alphabet {
  std::array<uint16_t, 256> character_of_byte = {};
  std::array<int16_t, kAlphabetEnd> byte_of_character = {};
};

constexpr bool SpellsItself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.byte_of_character) byte = -1;
  uint16_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint16_t character = SpellsItself(byte) ? static_cast<uint16_t>(byte) : next++;
    alphabet.character_of_byte[byte] = character;
    alphabet.byte_of_character[character] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio: Knuth's multiplicative hashing

uint64_t Mix(uint64_t value) {
  value *= kMultiplier;
  return value ^ value >> 32;
}

uint64_t LoadUpToEight(const char* data, size_t length) {
  uint64_t word = 0;
  std::memcpy(&word, data, length);
  return word;
}

uint32_t HashWord(std::string_view word) {
  uint64_t hash = word.size();
  const char* data = word.data();
  size_t left = word.size();
  for (; left >= 8; left -= 8, data += 8) {
    uint64_t eight;
    std::memcpy(&eight, data, 8);
    hash = Mix(hash ^ eight);
  }
  if (left > 0) hash = Mix(hash ^ LoadUpToEight(data, left));
  return static_cast<uint32_t>(hash ^ hash >> 29);
}

uint64_t PairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

/// Earlier rank first, then further left, as a max-heap wants it.
struct Later {
  bool operator()(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }
};

}  // namespace

std::optional<std::string> BytesOfToken(std::string_view token) {
  if (FirstInvalidUtf8(token)) return std::nullopt;
  std::string bytes;
  while (!token.empty()) {
    const CodePoint character = FirstCodePoint(token);
    if (character.value >= kAlphabetEnd || kAlphabet.byte_of_character[character.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte_of_character[character.value]));
    token.remove_prefix(character.length_bytes);
  }
  return bytes;
}

std::string TokenOfBytes(std::string_view bytes) {
  std::string token;
  for (const char byte : bytes) AppendUtf8(kAlphabet.character_of_byte[static_cast<unsigned char>(byte)], &token);
  return token;
}

BytePairEncoder::BytePairEncoder(const Vocabulary& vocabulary)
    : unknown_id_(vocabulary.unknown_id), fuse_unknown_(vocabulary.fuse_unknown) {
  id_of_byte_.fill(-1);
  merges_.resize(std::bit_ceil(2 * vocabulary.merges.size() + 1));
  words_.resize(std::bit_ceil(2 * vocabulary.bytes.size() + 1));
  for (size_t id = 0; id < vocabulary.bytes.size(); ++id) {
    const std::string& bytes = vocabulary.bytes[id];
    if (bytes.size() == 1) id_of_byte_[static_cast<unsigned char>(bytes[0])] = static_cast<int32_t>(id);
  }
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    AddMerge(vocabulary.merges[rank], static_cast<uint32_t>(rank));
  }
  BpeScratch scratch;
  for (size_t id = 0; id < vocabulary.bytes.size(); ++id) {
    if (vocabulary.bytes[id].empty()) continue;
    const auto token = static_cast<int32_t>(id);
    Merged(vocabulary.bytes[id], &scratch);
    const bool is_one_token =
        !scratch.symbols.empty() && scratch.symbols.front().next < 0 && scratch.symbols.front().id == token;
    if (vocabulary.ignore_merges || is_one_token) AddWord(vocabulary.bytes[id], token);
  }
}

void BytePairEncoder::AddMerge(const Merge& merge, uint32_t rank) {
  const uint64_t key = PairKey(merge.left, merge.right);
  size_t slot = Mix(key) & (merges_.size() - 1);
  while (merges_[slot].pair != kEmptyPair && merges_[slot].pair != key) slot = (slot + 1) & (merges_.size() - 1);
  merges_[slot] = {key, rank, merge.result};
}

const BytePairEncoder::MergeSlot* BytePairEncoder::FindMerge(int32_t left, int32_t right) const {
  const uint64_t key = PairKey(left, right);
  for (size_t slot = Mix(key) & (merges_.size() - 1);; slot = (slot + 1) & (merges_.size() - 1)) {
    if (merges_[slot].pair == key) return &merges_[slot];
    if (merges_[slot].pair == kEmptyPair) return nullptr;
  }
}

void BytePairEncoder::AddWord(const std::string& bytes, int32_t id) {
  const uint32_t hash = HashWord(bytes);
  size_t slot = hash & (words_.size() - 1);
  while (words_[slot].length_bytes != 0) slot = (slot + 1) & (words_.size() - 1);
  words_[slot] = {hash, static_cast<uint32_t>(word_bytes_.size()), static_cast<uint32_t>(bytes.size()), id};
  word_bytes_ += bytes;
}

int32_t BytePairEncoder::FindWord(std::string_view word) const {
  const uint32_t hash = HashWord(word);
  for (size_t slot = hash & (words_.size() - 1); words_[slot].length_bytes != 0;
       slot = (slot + 1) & (words_.size() - 1)) {
    const WordSlot& found = words_[slot];
    if (found.hash == hash && found.length_bytes == word.size() &&
        std::memcmp(word_bytes_.data() + found.offset, word.data(), word.size()) == 0) {
      return found.id;
    }
  }
  return -1;
}

void BytePairEncoder::Encode(std::string_view word, BpeScratch* scratch, std::vector<int32_t>* ids,
                             std::vector<uint32_t>* lengths_bytes) const {
  if (const int32_t id = FindWord(word); id >= 0) {
    ids->push_back(id);
    if (lengths_bytes != nullptr) lengths_bytes->push_back(static_cast<uint32_t>(word.size()));
    return;
  }
  Merged(word, scratch);
  for (int32_t i = scratch->symbols.empty() ? -1 : 0; i >= 0; i = scratch->symbols[static_cast<size_t>(i)].next) {
    const BpeScratch::Symbol& symbol = scratch->symbols[static_cast<size_t>(i)];
    ids->push_back(symbol.id);
    if (lengths_bytes != nullptr) lengths_bytes->push_back(symbol.length_bytes);
  }
}

void BytePairEncoder::Merged(std::string_view word, BpeScratch* scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch->symbols;
  symbols.clear();
  bool after_unknown = false;
  for (const char byte : word) {
    const int32_t known = id_of_byte_[static_cast<unsigned char>(byte)];
    if (known < 0 && unknown_id_ < 0) continue;
    if (known < 0 && after_unknown && fuse_unknown_) {
      ++symbols.back().length_bytes;
      continue;
    }
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({known >= 0 ? known : unknown_id_, index - 1, index + 1, 1});
    after_unknown = known < 0;
  }
  if (!symbols.empty()) symbols.back().next = -1;
  if (symbols.size() <= kShortWordBytes) {
    MergeShort(scratch);
  } else {
    MergeLong(scratch);
  }
}

// The ranks of all adjacent pairs stand side by side, so that each round is one scan of a few cache lines.
void BytePairEncoder::MergeShort(BpeScratch* scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch->symbols;
  std::vector<uint32_t>& ranks = scratch->ranks;
  size_t count = symbols.size();
  const auto rank_at = [&](size_t i) {
    const MergeSlot* merge = i + 1 < count ? FindMerge(symbols[i].id, symbols[i + 1].id) : nullptr;
    return merge != nullptr ? merge->rank : kNoRank;
  };
  ranks.resize(count);
  for (size_t i = 0; i < count; ++i) ranks[i] = rank_at(i);
  while (count > 1) {
    const auto lowest = std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(count));
    if (*lowest == kNoRank) break;
    const auto at = static_cast<size_t>(lowest - ranks.begin());
    symbols[at].id = FindMerge(symbols[at].id, symbols[at + 1].id)->result;
    symbols[at].length_bytes += symbols[at + 1].length_bytes;
    --count;
    for (size_t i = at + 1; i < count; ++i) {
      symbols[i].id = symbols[i + 1].id;
      symbols[i].length_bytes = symbols[i + 1].length_bytes;
      ranks[i] = ranks[i + 1];
    }
    ranks[at] = rank_at(at);
    if (at > 0) ranks[at - 1] = rank_at(at - 1);
  }
  for (size_t i = 0; i < count; ++i) symbols[i].next = i + 1 < count ? static_cast<int32_t>(i + 1) : -1;
}

void BytePairEncoder::PushCandidate(int32_t left, BpeScratch* scratch) const {
  if (left < 0) return;
  const BpeScratch::Symbol& symbol = scratch->symbols[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  const int32_t right_id = scratch->symbols[static_cast<size_t>(symbol.next)].id;
  const MergeSlot* merge = FindMerge(symbol.id, right_id);
  if (merge == nullptr) return;
  scratch->heap.push_back({merge->rank, left, symbol.id, right_id});
  std::push_heap(scratch->heap.begin(), scratch->heap.end(), Later());
}

void BytePairEncoder::MergeLong(BpeScratch* scratch) const {
  std::vector<BpeScratch::Symbol>& symbols = scratch->symbols;
  scratch->heap.clear();
  for (size_t i = 0; i < symbols.size(); ++i) PushCandidate(static_cast<int32_t>(i), scratch);
  while (!scratch->heap.empty()) {
    const BpeScratch::Candidate best = scratch->heap.front();
    std::pop_heap(scratch->heap.begin(), scratch->heap.end(), Later());
    scratch->heap.pop_back();
    BpeScratch::Symbol& left = symbols[static_cast<size_t>(best.left)];
    if (left.id != best.left_id || left.next < 0) continue;
    BpeScratch::Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (right.id != best.right_id) continue;
    left.id = FindMerge(best.left_id, best.right_id)->result;
    left.length_bytes += right.length_bytes;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.left;
    PushCandidate(left.previous, scratch);
    PushCandidate(best.left, scratch);
  }
}

}  // namespace roberta::tokenizer
