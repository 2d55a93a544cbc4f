#include "server/request_log/request_id.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>

namespace roberta::request_log {

namespace {

std::mt19937_64 SeededGenerator() {
  std::random_device entropy;
  std::array<std::random_device::result_type, 8> seeds;
  std::generate(seeds.begin(), seeds.end(), std::ref(entropy));
  std::seed_seq sequence(seeds.begin(), seeds.end());
  return std::mt19937_64(sequence);
}

}  // namespace

bool IsValidRequestId(std::string_view id) {
  return !id.empty() && id.size() <= kLongestRequestId &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string NewRequestId() {
  static thread_local std::mt19937_64 generator = SeededGenerator();
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id(32, '0');
  for (size_t half = 0; half < 2; ++half) {
    uint64_t bits = generator();
    for (size_t i = 0; i < 16; ++i, bits >>= 4) id[half * 16 + i] = kDigits[bits & 15];
  }
  return id;
}

}  // namespace roberta::request_log
