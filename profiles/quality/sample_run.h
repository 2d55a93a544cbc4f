#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/encoder/packed_batch.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/sample.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::quality {

/// A sample as the model reads it.
struct TokenizedSample {
  std::vector<int32_t> token_ids;  ///< of all examples, one after another
  std::vector<size_t> lengths;     ///< [examples], in tokens
  size_t truncated = 0;            ///< examples that were too long
};

/// Tokenizes every example; what is longer than the model takes loses its end. Errors are the tokenizer's.
absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         const checkpoint::ModelConfig& config);

/// Of the tokens, text by text; the same on every machine.
uint64_t HashOf(const TokenizedSample& sample);

/// Part of a sample that runs at once.
struct SampleBatch {
  size_t first_example = 0;
  size_t first_token = 0;
  size_t tokens = 0;
  std::vector<int32_t> cu_seqlens = {0};  ///< from first_token on

  size_t examples() const { return cu_seqlens.size() - 1; }
  /// Of the sample that it was formed of; both must outlive the view.
  encoder::PackedBatch View(const TokenizedSample& sample) const;
};

inline constexpr size_t kBatchTokens = 512;
inline constexpr size_t kAlone = 1;

/// All examples in their order, in batches of at most `batch_tokens` tokens, but one text at least: with kAlone each is
/// a batch of its own.
std::vector<SampleBatch> FormBatches(const TokenizedSample& sample, size_t batch_tokens = kBatchTokens);

struct SampleRun {
  std::vector<float> logits;     ///< [examples, labels], all finite
  double tokens_per_second = 0;  ///< of one thread, in the median batch
};

/// Runs task(0) to task(count - 1), each once, on whichever threads it likes, and returns when all have ended.
using RunAll = std::function<void(size_t count, const std::function<void(size_t)>& task)>;

/// One after another on the calling thread.
void RunInTurn(size_t count, const std::function<void(size_t)>& task);

/// Runs `profile` over the batches of the sample (see FormBatches), which `run_all` puts on threads. Errors are the
/// profile's; Internal names the first example for which a logit is not a finite number.
absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels,
                                    const RunAll& run_all = RunInTurn, size_t batch_tokens = kBatchTokens);

}  // namespace roberta::quality
