#include "profiles/checkpoint/content_hash.h"

#include <array>
#include <cstring>

namespace roberta::checkpoint {
namespace {

__extension__ typedef unsigned __int128 Uint128;

constexpr size_t kLanes = 4;  // independent chains, so that multiplications overlap in the pipeline
constexpr size_t kLaneBytes = 16;
constexpr size_t kBlockBytes = kLanes * kLaneBytes;

// Fractional bits of the square roots of 2, 3, 5 and 7: odd or not, they only have to be unrelated to each other.
constexpr uint64_t kSalt[kLanes] = {0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1};

uint64_t Load(const std::byte* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Folds the 128-bit product, so that every input bit reaches both halves of the result.
uint64_t Fold(uint64_t a, uint64_t b) {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

void MixBlock(const std::byte* block, std::array<uint64_t, kLanes>* lanes) {
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const uint64_t low = Load(block + lane * kLaneBytes);
    const uint64_t high = Load(block + lane * kLaneBytes + 8);
    // Adding the words again keeps them in the state even where a factor happens to be zero.
    uint64_t& state = (*lanes)[lane];
    state = Fold(state ^ low, kSalt[lane] ^ high) + (low ^ (high << 32 | high >> 32));
  }
}

}  // namespace

uint64_t ContentHash(absl::Span<const std::byte> bytes, uint64_t seed) {
  std::array<uint64_t, kLanes> lanes;
  for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = seed + kSalt[lane];
  const size_t whole_bytes = bytes.size() / kBlockBytes * kBlockBytes;
  for (size_t at = 0; at < whole_bytes; at += kBlockBytes) MixBlock(bytes.data() + at, &lanes);
  if (const size_t rest_bytes = bytes.size() - whole_bytes; rest_bytes > 0) {
    std::array<std::byte, kBlockBytes> padded{};
    std::memcpy(padded.data(), bytes.data() + whole_bytes, rest_bytes);
    MixBlock(padded.data(), &lanes);
  }
  uint64_t hash = Fold(seed ^ kSalt[1], bytes.size() ^ kSalt[2]);
  for (const uint64_t lane : lanes) hash = Fold(hash ^ lane, kSalt[0] ^ (lane >> 29)) + lane;
  return hash ^ (hash >> 32);
}

uint64_t ContentHash(std::string_view text, uint64_t seed) {
  return ContentHash({reinterpret_cast<const std::byte*>(text.data()), text.size()}, seed);
}

}  // namespace roberta::checkpoint
