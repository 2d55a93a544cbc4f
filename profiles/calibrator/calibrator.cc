#include "profiles/calibrator/calibrator.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "absl/types/span.h"
#include "profiles/encoder/profile.h"
#include "profiles/errors/errors.h"
#include "profiles/quality/agreement.h"
#include "profiles/registry/recipes.h"

namespace roberta::calibrator {
namespace {

using checkpoint::Checkpoint;
using encoder::Smoothing;

/// The first `count` of a random order. std::shuffle would draw others with another standard library.
std::vector<size_t> Draw(size_t from, size_t count, uint64_t seed) {
  std::vector<size_t> order(from);
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < count; ++i) std::swap(order[i], order[i + random() % (from - i)]);
  order.resize(count);
  return order;
}

double MeanDifference(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  return sum / static_cast<double>(a.size());
}

/// The recipe that a stored calibration of `checkpoint` is for: of those that smooth, the one that prunes exactly if
/// the checkpoint is pruned.
const registry::Recipe& SmoothedRecipe(const Checkpoint& checkpoint) {
  const std::vector<registry::Recipe>& recipes = registry::BuiltInRecipes();
  return *std::ranges::find_if(recipes, [&](const registry::Recipe& recipe) {
    return recipe.smooths && recipe.prunes == !checkpoint.mask().empty();
  });
}

/// Runs of one checkpoint over the texts, counted.
class Runs {
 public:
  Runs(const Checkpoint& checkpoint, const Texts& texts, size_t strengths, const quality::RunAll& run_all,
       const OnBatch& on_batch)
      : checkpoint_(checkpoint),
        texts_(texts),
        parts_(quality::FormBatches(texts.measured)),
        run_all_(run_all),
        on_batch_(on_batch),
        total_(parts_.size() + (2 + strengths) * quality::FormBatches(texts.held_out).size()) {}

  absl::StatusOr<encoder::InputRanges> Ranges() {
    std::vector<encoder::PackedBatch> batches;
    for (const quality::SampleBatch& part : parts_) batches.push_back(part.View(texts_.measured));
    auto ranges = encoder::MeasureInputs(checkpoint_, {}, batches);
    Count(batches.size());
    return ranges;
  }

  absl::Status RunExact(const encoder::Profile& profile) {
    ASSIGN_OR_RETURN(auto run, Run(profile));
    exact_ = std::move(run.logits);
    return absl::OkStatus();
  }

  /// After RunExact.
  absl::StatusOr<Noise> NoiseOf(const Smoothing& smoothing) {
    ASSIGN_OR_RETURN(const auto profile,
                     registry::LoadProfile(SmoothedRecipe(checkpoint_), checkpoint_, {.smoothing = &smoothing}));
    ASSIGN_OR_RETURN(const auto run, Run(*profile));
    const quality::Quality quality =
        quality::CompareLogits(run.logits, exact_, texts_.held_out_examples, checkpoint_.config());
    return Noise{MeanDifference(run.logits, exact_), quality.mean_abs_dp, quality.agreement};
  }

 private:
  absl::StatusOr<quality::SampleRun> Run(const encoder::Profile& profile) {
    const auto counting = [&](size_t count, const std::function<void(size_t)>& task) {
      run_all_(count, [&](size_t i) {
        task(i);
        Count(1);
      });
    };
    return quality::RunSample(profile, texts_.held_out, static_cast<size_t>(checkpoint_.config().num_labels()),
                              counting);
  }

  void Count(uint64_t batches) {
    const uint64_t done = done_ += batches;
    if (on_batch_) on_batch_(done, total_);
  }

  const Checkpoint& checkpoint_;
  const Texts& texts_;
  const std::vector<quality::SampleBatch> parts_;  ///< of what is measured
  const quality::RunAll& run_all_;
  const OnBatch& on_batch_;
  const uint64_t total_;
  std::atomic<uint64_t> done_{0};
  std::vector<float> exact_;  ///< logits in float32 of what is held out
};

}  // namespace

absl::StatusOr<Texts> DrawTexts(const quality::Sample& sample, size_t count, uint64_t seed,
                                const tokenizer::Tokenizer& tokenizer, const checkpoint::ModelConfig& config) {
  count = std::min(count, sample.size());
  if (count < 2) {
    return errors::InvalidArgument(count, count == 1 ? " text" : " texts",
                                   "; there must be 2 at least, to measure on and to judge it by");
  }
  quality::Sample measured;
  Texts texts;
  for (const size_t index : Draw(sample.size(), count, seed)) {
    quality::Sample& part = 2 * measured.size() < count ? measured : texts.held_out_examples;
    part.push_back(sample[index]);
  }
  ASSIGN_OR_RETURN(texts.measured, quality::Tokenize(measured, tokenizer, config));
  texts.measured_hash = absl::StrCat(absl::Hex(quality::HashOf(texts.measured), absl::kZeroPad16));
  ASSIGN_OR_RETURN(texts.held_out, quality::Tokenize(texts.held_out_examples, tokenizer, config));
  return texts;
}

double Removed(const Noise& before, const Noise& after) {
  return before.mean_abs_dlogit > 0 ? 1 - after.mean_abs_dlogit / before.mean_abs_dlogit : 0;
}

absl::StatusOr<Outcome> Calibrate(const Checkpoint& checkpoint, const Texts& texts, const std::vector<float>& strengths,
                                  const quality::RunAll& run_all, const OnBatch& on_batch) {
  Runs runs(checkpoint, texts, strengths.size(), run_all, on_batch);
  ASSIGN_OR_RETURN(auto exact, encoder::LoadPackedClassifier(checkpoint, {}));
  RETURN_IF_ERROR(runs.RunExact(*exact));
  Smoothing smoothing;
  ASSIGN_OR_RETURN(auto ranges, runs.Ranges());  // while `exact` holds the weights that this takes
  exact.reset();
  Outcome outcome;
  outcome.profile = SmoothedRecipe(checkpoint).name;
  ASSIGN_OR_RETURN(outcome.before, runs.NoiseOf(smoothing));
  smoothing.inputs = std::move(ranges);
  double least = outcome.before.mean_abs_dlogit;
  for (const float alpha : strengths) {
    smoothing.alpha = alpha;
    ASSIGN_OR_RETURN(const auto noise, runs.NoiseOf(smoothing));
    outcome.trials.push_back({alpha, noise});
    if (noise.mean_abs_dlogit >= least) continue;
    least = noise.mean_abs_dlogit;
    outcome.best = {.smoothing = smoothing,
                    .revision = checkpoint.revision(),
                    .texts_hash = texts.measured_hash,
                    .texts = static_cast<int64_t>(texts.measured.lengths.size())};
  }
  return outcome;
}

}  // namespace roberta::calibrator
