#pragma once

#include <array>
#include <cstddef>
#include <optional>

namespace roberta::batching {

/// How a batch is made of what waits, and how it is computed.
enum class LoadingStrategy {
  kPadded,    ///< in the order of arrival, each sequence padded to the longest of its batch
  kBucketed,  ///< sequences of nearly the same length together, then padded
  kPacked,    ///< in the order of arrival, without padding
};

inline constexpr std::array<const char*, 3> kLoadingStrategyNames = {"padded", "bucketed", "packed"};

/// How a profile gets its batches.
struct DataLoading {
  LoadingStrategy strategy = LoadingStrategy::kPacked;
  std::optional<size_t> max_batch_tokens;  ///< pads included; absent: PolicyOptions::max_batch_tokens
  /// While an executor runs a batch of this profile, its next one, of whatever profile, is formed by another thread.
  /// What is formed early is not overtaken any more.
  bool prefetch = false;
};

}  // namespace roberta::batching
