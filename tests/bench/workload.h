#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/encoder/part_times.h"
#include "profiles/encoder/profile.h"

namespace roberta::bench {

/// Sequences of random tokens without padding.
struct Batch {
  std::vector<int32_t> ids, cu_seqlens = {0};

  int64_t tokens() const { return cu_seqlens.back(); }
};

/// The numbers of a file, one a line. InvalidArgument, naming the file, if one is not from 2 to `max_tokens` or there
/// is none.
absl::StatusOr<std::vector<int>> ReadLengths(const std::string& file, int64_t max_tokens);

/// In the order of `lengths`, `size` sequences a batch; the same for the same arguments.
std::vector<Batch> MakeBatches(const std::vector<int>& lengths, size_t size, const checkpoint::ModelConfig& config);

/// Seconds for all batches, which `threads` threads take from one list; adds to `*times` where the profile can say.
absl::StatusOr<double> SecondsOfAll(const encoder::Profile& profile, const std::vector<Batch>& batches, size_t labels,
                                    int threads, encoder::PartTimes* times);

/// Seconds of a single request on the calling thread.
absl::StatusOr<double> SecondsOfOne(const encoder::Profile& profile, const Batch& request, size_t labels);

}  // namespace roberta::bench
