#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/encoder/profile.h"
#include "profiles/quality/sample.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::quality {

/// A sample as the model reads it.
struct TokenizedSample {
  std::vector<int32_t> token_ids;  ///< of all examples, one after another
  std::vector<size_t> lengths;     ///< [examples], in tokens
};

/// Tokenises every example; what is longer than `max_tokens` loses its end. Errors are the tokenizer's.
absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         size_t max_tokens);

struct SampleRun {
  std::vector<float> logits;     ///< [examples, labels], all finite
  double tokens_per_second = 0;  ///< of the calling thread, in the median batch
};

/// Runs `profile` over the sample, on the calling thread, in batches of at most `kBatchTokens` tokens. Errors are the
/// profile's; Internal names the first example for which a logit is not a finite number.
absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels);

inline constexpr size_t kBatchTokens = 1024;

}  // namespace roberta::quality
