#include "profiles/pruner/texts.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::pruner {
namespace {

/// A random number above 0 and below 1, the same on every machine.
double Uniform(std::mt19937_64* random) {
  return (static_cast<double>((*random)() >> 11) + 0.5) * 0x1p-53;
}

/// The `count` texts with the largest keys.
std::vector<size_t> Largest(std::vector<std::pair<double, size_t>> keyed, size_t count) {
  count = std::min(count, keyed.size());
  std::partial_sort(keyed.begin(), keyed.begin() + static_cast<std::ptrdiff_t>(count), keyed.end(), std::greater<>());
  std::vector<size_t> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(keyed[i].second);
  return texts;
}

at::Tensor Indices(const std::vector<int64_t>& indices) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(indices.size())}, at::kLong);
  std::copy(indices.begin(), indices.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

}  // namespace

absl::StatusOr<TextSplit> SplitTexts(absl::Span<const size_t> lengths, size_t most_calibration, size_t most_held_out,
                                     uint64_t seed) {
  if (lengths.size() < kFewestTexts) {
    return errors::InvalidArgument(lengths.size(), " texts; pruning needs ", kFewestTexts,
                                   " or more, to learn from and to measure its loss on");
  }
  std::mt19937_64 random(seed);
  std::vector<std::pair<double, size_t>> keyed;
  for (size_t i = 0; i < lengths.size(); ++i) keyed.emplace_back(Uniform(&random), i);
  TextSplit split;
  split.held_out = Largest(keyed, std::min(most_held_out, lengths.size() / 4));
  std::vector<bool> taken(lengths.size());
  for (const size_t text : split.held_out) taken[text] = true;
  keyed.clear();
  for (size_t i = 0; i < lengths.size(); ++i) {
    const double key = std::log(Uniform(&random)) / static_cast<double>(lengths[i]);
    if (!taken[i]) keyed.emplace_back(key, i);
  }
  const std::vector<size_t> calibration = Largest(std::move(keyed), most_calibration);
  for (size_t i = 0; i < calibration.size(); ++i) (i % 4 == 3 ? split.tune : split.fit).push_back(calibration[i]);
  return split;
}

std::vector<TextBatch> FormTextBatches(const quality::TokenizedSample& sample, absl::Span<const size_t> texts,
                                       int32_t pad_token_id) {
  std::vector<size_t> starts(sample.lengths.size() + 1, 0);
  std::partial_sum(sample.lengths.begin(), sample.lengths.end(), starts.begin() + 1);
  std::vector<size_t> order(texts.begin(), texts.end());
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return std::pair(sample.lengths[a], a) < std::pair(sample.lengths[b], b); });
  std::vector<TextBatch> batches;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && sample.lengths[order[end]] * (end + 1 - begin) <= kPaddedTokens) ++end;
    TextBatch batch;
    std::vector<absl::Span<const int32_t>> sequences;
    std::vector<int64_t> tokens, firsts;
    const size_t longest = sample.lengths[order[end - 1]];
    for (size_t i = begin; i < end; ++i) {
      const size_t text = order[i];
      batch.texts.push_back(text);
      sequences.push_back(absl::MakeConstSpan(sample.token_ids).subspan(starts[text], sample.lengths[text]));
      firsts.push_back(static_cast<int64_t>((i - begin) * longest));
      for (size_t t = 0; t < sample.lengths[text]; ++t) tokens.push_back(firsts.back() + static_cast<int64_t>(t));
    }
    batch.padded = reference::Pad(sequences, pad_token_id);
    batch.tokens = Indices(tokens);
    batch.firsts = Indices(firsts);
    batches.push_back(std::move(batch));
    begin = end;
  }
  return batches;
}

}  // namespace roberta::pruner
