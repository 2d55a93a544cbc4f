#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/encoder/profile.h"
#include "server/batching/batch_policy.h"

namespace roberta::bench {

/// Sequences of random tokens.
struct Batch {
  std::vector<int32_t> ids, cu_seqlens = {0};
  size_t padded_length = 0;  ///< as in encoder::PackedBatch

  int64_t tokens() const { return cu_seqlens.back(); }
  int64_t computed_tokens() const {  ///< pads included
    return padded_length > 0 ? static_cast<int64_t>((cu_seqlens.size() - 1) * padded_length) : tokens();
  }
};

/// The numbers of a file, one a line. InvalidArgument, naming the file, if one is not from 2 to `max_tokens` or there
/// is none.
absl::StatusOr<std::vector<int>> ReadLengths(const std::string& file, int64_t max_tokens);

/// In the order of `lengths`, `size` sequences a batch; the same for the same arguments.
std::vector<Batch> MakeBatches(const std::vector<int>& lengths, size_t size, const checkpoint::ModelConfig& config);

/// The batches that the server's policy makes of sequences of these lengths if all of them wait at once; the same for
/// the same arguments.
std::vector<Batch> MakeBatches(const std::vector<int>& lengths, batching::LoadingStrategy strategy,
                               size_t max_batch_tokens, const checkpoint::ModelConfig& config);

/// Seconds for all batches, which `threads` threads take from one list; adds to `*times` where the profile can say.
absl::StatusOr<double> SecondsOfAll(const encoder::Profile& profile, const std::vector<Batch>& batches, size_t labels,
                                    int threads, encoder::PartTimes* times);

/// Seconds of a single request, on the calling thread and those that help it; `team` may be nullptr.
absl::StatusOr<double> SecondsOfOne(const encoder::Profile& profile, const Batch& request, size_t labels,
                                    team::Team* team);

}  // namespace roberta::bench
