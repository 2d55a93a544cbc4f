#include "profiles/quality/sample_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace roberta::quality {

namespace {

/// Runs the examples from `first` that fit into a batch, at least one; returns the one after them and the tokens run.
struct BatchEnd {
  size_t example = 0;
  size_t tokens = 0;
};

absl::StatusOr<BatchEnd> RunBatch(const encoder::Profile& profile, const TokenizedSample& sample, size_t first,
                                  size_t first_token, size_t labels, absl::Span<float> logits) {
  BatchEnd end = {.example = first};
  std::vector<int32_t> cu_seqlens = {0};
  while (end.example < sample.lengths.size() &&
         (end.example == first || end.tokens + sample.lengths[end.example] <= kBatchTokens)) {
    end.tokens += sample.lengths[end.example++];
    cu_seqlens.push_back(static_cast<int32_t>(end.tokens));
  }
  const absl::Status status =
      profile.Run({absl::MakeConstSpan(sample.token_ids).subspan(first_token, end.tokens), cu_seqlens},
                  logits.subspan(first * labels, (end.example - first) * labels));
  if (!status.ok()) return status;
  return end;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         size_t max_tokens) {
  TokenizedSample tokenized;
  tokenizer::Encoding encoding;
  for (const Example& example : sample) {
    std::optional<std::string_view> pair;
    if (example.pair) pair = *example.pair;
    absl::Status status = tokenizer.Encode(
        example.text, pair, {.max_tokens = max_tokens, .truncation = tokenizer::Truncation::kRight}, &encoding);
    if (!status.ok()) return status;
    tokenized.token_ids.insert(tokenized.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    tokenized.lengths.push_back(encoding.ids.size());
  }
  return tokenized;
}

absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels) {
  SampleRun run;
  run.logits.resize(sample.lengths.size() * labels);
  std::vector<double> rates;
  for (size_t example = 0, token = 0; example < sample.lengths.size();) {
    const auto start = std::chrono::steady_clock::now();
    const auto end = RunBatch(profile, sample, example, token, labels, absl::MakeSpan(run.logits));
    if (!end.ok()) return end.status();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    rates.push_back(static_cast<double>(end->tokens) / std::max(seconds.count(), 1e-9));
    example = end->example;
    token += end->tokens;
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
