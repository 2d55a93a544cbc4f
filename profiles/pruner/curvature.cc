#include "profiles/pruner/curvature.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/quality/agreement.h"
#include "profiles/reference/reference_profile.h"

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

using checkpoint::ModelConfig;
using reference::Weights;

/// Batches that run before their results are added up. It is fixed, so that the sums do not depend on the number of
/// threads.
constexpr size_t kBatchesPerWave = 4;

/// The inputs and gradients of one part for one batch, [sequences, longest, in] and [sequences, longest, hidden].
struct PartGradients {
  at::Tensor inputs, gradients;
};

/// Random directions of length 1, one for each text, [sequences, labels].
at::Tensor Directions(int64_t texts, const ModelConfig& config, std::mt19937_64* random) {
  const int64_t labels = config.num_labels();
  at::Tensor directions = at::empty({texts, labels}, at::kFloat);
  std::normal_distribution<float> normal;
  std::generate_n(directions.data_ptr<float>(), texts * labels, [&] { return normal(*random); });
  // Adding the same number to all logits does not change which label is picked.
  if (quality::AgreementOf(config) == quality::Agreement::kSameLabel && labels > 1) {
    directions = directions - directions.mean(1, true);
  }
  return directions / directions.norm(2, 1, true).clamp_min(1e-12);
}

std::vector<PartGradients> GradientsOfParts(const Weights& weights, const ModelConfig& config, const TextBatch& batch,
                                            const at::Tensor& directions) {
  const at::AutoGradMode gradients_on(true);
  Weights watched = weights;  // shares its tensors
  watched.embedding_norm.bias = weights.embedding_norm.bias.detach().clone().requires_grad_(true);
  std::vector<reference::PartTrace> traces;
  const at::Tensor logits = reference::Forward(watched, config, batch.padded, &traces);
  std::vector<at::Tensor> sums;
  for (const reference::PartTrace& trace : traces) sums.push_back(trace.sum);
  const std::vector<at::Tensor> gradients = torch::autograd::grad({logits}, sums, {directions});
  std::vector<PartGradients> parts;
  for (size_t part = 0; part < traces.size(); ++part) {
    parts.push_back({traces[part].inputs.detach(), gradients[part].detach()});
  }
  return parts;
}

using Add = std::function<void(size_t part, const PartGradients& of_part)>;

/// Calls add(part, gradients) for every part and batch: in the order of the batches for each part, and for several
/// parts at the same time.
absl::Status AddGradients(const Weights& weights, const ModelConfig& config, const std::vector<TextBatch>& batches,
                          uint64_t seed, const quality::RunAll& run_all, const OnProgress& on_progress,
                          const Add& add) {
  std::mt19937_64 random(seed);
  const size_t parts = 2 * weights.layers.size();
  for (size_t begin = 0; begin < batches.size(); begin += kBatchesPerWave) {
    const size_t count = std::min(kBatchesPerWave, batches.size() - begin);
    std::vector<at::Tensor> directions;
    for (size_t i = 0; i < count; ++i) {
      directions.push_back(Directions(static_cast<int64_t>(batches[begin + i].texts.size()), config, &random));
    }
    std::vector<std::vector<PartGradients>> gradients(count);
    RETURN_IF_ERROR(reference::CallTorchForAll(count, run_all, [&](size_t i) {
      gradients[i] = GradientsOfParts(weights, config, batches[begin + i], directions[i]);
    }));
    RETURN_IF_ERROR(reference::CallTorchForAll(parts, run_all, [&](size_t part) {
      const at::NoGradGuard no_gradients;
      for (const std::vector<PartGradients>& of_batch : gradients) add(part, of_batch[part]);
    }));
    on_progress(begin + count, batches.size());
  }
  return absl::OkStatus();
}

size_t CountTexts(const std::vector<TextBatch>& batches) {
  size_t texts = 0;
  for (const TextBatch& batch : batches) texts += batch.texts.size();
  return texts;
}

const at::Tensor& OutputWeight(const Weights& weights, size_t part) {
  const reference::Layer& layer = weights.layers[part / 2];
  return part % 2 == 0 ? layer.attention_output.weight : layer.output.weight;
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
  std::ranges::sort(
      order, [&](size_t a, size_t b) { return std::pair(sample.lengths[a], a) < std::pair(sample.lengths[b], b); });
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
    batch.tokens = at::tensor(tokens);
    batch.firsts = at::tensor(firsts);
    batches.push_back(std::move(batch));
    begin = end;
  }
  return batches;
}

absl::StatusOr<std::vector<PartCurvature>> MeasureCurvature(const Weights& weights, const ModelConfig& config,
                                                            const std::vector<TextBatch>& batches, uint64_t seed,
                                                            const quality::RunAll& run_all,
                                                            const OnProgress& on_progress) {
  std::vector<PartCurvature> parts;
  for (size_t part = 0; part < 2 * weights.layers.size(); ++part) {
    const int64_t in = OutputWeight(weights, part).size(1);
    parts.push_back({at::zeros({in, in}, at::kFloat), at::zeros({config.hidden_size, config.hidden_size}, at::kFloat)});
  }
  std::vector<double> squares(parts.size());
  RETURN_IF_ERROR(AddGradients(
      weights, config, batches, seed, run_all, on_progress, [&](size_t part, const PartGradients& of_part) {
        at::Tensor inputs = of_part.inputs.flatten(0, 1), gradients = of_part.gradients.flatten(0, 1);
        at::Tensor square = gradients.square().sum(1);
        const at::Tensor rows = square.nonzero().flatten();  // no padding; in the last layer, first tokens only
        inputs = inputs.index_select(0, rows);
        gradients = gradients.index_select(0, rows);
        square = square.index_select(0, rows);
        parts[part].inputs.addmm_((inputs * square.unsqueeze(1)).t(), inputs);
        parts[part].outputs.addmm_(gradients.t(), gradients);
        squares[part] += square.sum().item<double>();
      }));
  const auto texts = static_cast<double>(CountTexts(batches));
  for (size_t part = 0; part < parts.size(); ++part) {
    parts[part].inputs.div_(texts);
    parts[part].outputs.div_(std::max(squares[part], 1e-30));
  }
  return parts;
}

absl::StatusOr<std::vector<std::vector<double>>> MeasureFisher(const Weights& weights, const ModelConfig& config,
                                                               const std::vector<TextBatch>& batches, uint64_t seed,
                                                               const quality::RunAll& run_all,
                                                               const OnProgress& on_progress) {
  std::vector<std::vector<double>> fisher(2 * weights.layers.size());
  const auto texts = static_cast<double>(CountTexts(batches));
  RETURN_IF_ERROR(AddGradients(
      weights, config, batches, seed, run_all, on_progress, [&](size_t part, const PartGradients& of_part) {
        // The gradient with respect to a factor in front of an input is the sum over tokens of the input times its
        // gradient.
        at::Tensor by_factor =
            (at::matmul(of_part.gradients, OutputWeight(weights, part)) * of_part.inputs).sum(1);  // [sequences, in]
        if (part % 2 == 0) by_factor = by_factor.unflatten(1, {-1, config.head_size()}).sum(2);
        const at::Tensor sum = (by_factor.square().sum(0) / texts).to(at::kDouble).contiguous();
        fisher[part].resize(static_cast<size_t>(sum.numel()));
        for (size_t i = 0; i < fisher[part].size(); ++i) fisher[part][i] += sum.data_ptr<double>()[i];
      }));
  return fisher;
}

}  // namespace roberta::pruner
