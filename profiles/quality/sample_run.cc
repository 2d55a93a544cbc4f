#include "profiles/quality/sample_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/content_hash.h"
#include "profiles/errors/errors.h"

namespace roberta::quality {
namespace {

/// How a batch ran.
struct BatchRun {
  absl::Status status;
  double tokens_per_second = 0;
};

BatchRun Run(const encoder::Profile& profile, const encoder::PackedBatch& batch, absl::Span<float> logits) {
  BatchRun run;
  const auto start = std::chrono::steady_clock::now();
  run.status = profile.Run(batch, logits);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  run.tokens_per_second = static_cast<double>(batch.tokens()) / std::max(seconds.count(), 1e-9);
  return run;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         const checkpoint::ModelConfig& config) {
  const auto max_tokens = static_cast<size_t>(config.max_tokens());
  TokenizedSample tokenized;
  tokenizer::Encoding encoding;
  for (const Example& example : sample) {
    std::optional<std::string_view> pair;
    if (example.pair) pair = *example.pair;
    RETURN_IF_ERROR(tokenizer.Encode(
        example.text, pair, {.max_tokens = max_tokens, .truncation = tokenizer::Truncation::kRight}, &encoding));
    tokenized.token_ids.insert(tokenized.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    tokenized.lengths.push_back(encoding.ids.size());
    tokenized.truncated += encoding.tokens_dropped > 0 ? 1 : 0;
  }
  return tokenized;
}

uint64_t HashOf(const TokenizedSample& sample) {
  const std::string_view ids(reinterpret_cast<const char*>(sample.token_ids.data()),
                             sample.token_ids.size() * sizeof(int32_t));
  uint64_t hash = checkpoint::ContentHash(ids, 0);
  for (const size_t length : sample.lengths) hash = checkpoint::ContentHash(absl::StrCat(length, " "), hash);
  return hash;
}

std::vector<SampleBatch> FormBatches(const TokenizedSample& sample, size_t batch_tokens) {
  std::vector<SampleBatch> batches;
  size_t token = 0;
  for (size_t example = 0; example < sample.lengths.size(); ++example) {
    const size_t length = sample.lengths[example];
    if (batches.empty() || batches.back().tokens + length > batch_tokens) {
      batches.push_back({.first_example = example, .first_token = token});
    }
    SampleBatch& batch = batches.back();
    batch.tokens += length;
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.tokens));
    token += length;
  }
  return batches;
}

encoder::PackedBatch SampleBatch::View(const TokenizedSample& sample) const {
  return {absl::MakeConstSpan(sample.token_ids).subspan(first_token, tokens), cu_seqlens};
}

void RunInTurn(size_t count, const std::function<void(size_t)>& task) {
  for (size_t i = 0; i < count; ++i) task(i);
}

absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels,
                                    const RunAll& run_all, size_t batch_tokens) {
  SampleRun run;
  run.logits.resize(sample.lengths.size() * labels);
  const std::vector<SampleBatch> batches = FormBatches(sample, batch_tokens);
  std::vector<BatchRun> runs(batches.size());
  run_all(batches.size(), [&](size_t i) {
    const SampleBatch& batch = batches[i];
    runs[i] = Run(profile, batch.View(sample),
                  absl::MakeSpan(run.logits).subspan(batch.first_example * labels, batch.examples() * labels));
  });
  std::vector<double> rates;
  for (const BatchRun& one : runs) {
    if (!one.status.ok()) return one.status;
    rates.push_back(one.tokens_per_second);
  }
  const auto wrong =
      std::find_if(run.logits.begin(), run.logits.end(), [](float value) { return !std::isfinite(value); });
  if (wrong != run.logits.end()) {
    const size_t example = static_cast<size_t>(wrong - run.logits.begin()) / labels;
    return absl::InternalError(absl::StrCat("a logit of example ", example + 1, " of the sample is not finite"));
  }
  run.tokens_per_second = Median(std::move(rates));
  return run;
}

}  // namespace roberta::quality
