#include "server/call/identity.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>

namespace roberta::call {
namespace {

constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = kParentAt + kParentDigits + 1;
constexpr size_t kFlagsDigits = 2;
constexpr size_t kHeaderLength = kFlagsAt + kFlagsDigits;

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::mt19937_64 SeededGenerator() {
  std::random_device entropy;
  std::array<std::random_device::result_type, 8> seeds;
  std::ranges::generate(seeds, std::ref(entropy));
  std::seed_seq sequence(seeds.begin(), seeds.end());
  return std::mt19937_64(sequence);
}

}  // namespace

bool IsValidRequestId(std::string_view id) {
  return !id.empty() && id.size() <= kLongestRequestId &&
         std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~'; });
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

std::optional<std::string_view> TraceIdOf(std::string_view header) {
  if (header.size() < kHeaderLength) return std::nullopt;
  const std::string_view version = header.substr(0, kVersionDigits);
  if (!IsLowerHex(version) || version == "ff") return std::nullopt;
  if (version == "00" && header.size() != kHeaderLength) return std::nullopt;
  if (header.size() > kHeaderLength && header[kHeaderLength] != '-') return std::nullopt;  // what a later version adds
  for (const size_t dash : {kTraceAt - 1, kParentAt - 1, kFlagsAt - 1}) {
    if (header[dash] != '-') return std::nullopt;
  }
  const std::string_view trace_id = header.substr(kTraceAt, kTraceDigits);
  const bool is_good = IsId(trace_id) && IsId(header.substr(kParentAt, kParentDigits)) &&
                       IsLowerHex(header.substr(kFlagsAt, kFlagsDigits));
  return is_good ? std::optional(trace_id) : std::nullopt;
}

Identity MakeIdentity(std::optional<std::string_view> request_id, std::optional<std::string_view> traceparent) {
  Identity identity;
  identity.request_id = request_id && IsValidRequestId(*request_id) ? std::string(*request_id) : NewRequestId();
  if (traceparent) identity.trace_id = TraceIdOf(*traceparent).value_or("");
  return identity;
}

}  // namespace roberta::call
