#include "profiles/pruner/speed.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "profiles/encoder/packed_classifier.h"
#include "profiles/errors/errors.h"

namespace roberta::pruner {
namespace {

constexpr size_t kBatches = 8;
constexpr size_t kRounds = 5;  // over all batches, after one that is not counted

absl::StatusOr<double> SecondsOf(const encoder::Profile& profile, const encoder::PackedBatch& batch,
                                 absl::Span<float> logits) {
  const auto start = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(profile.Run(batch, logits));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpeedGauge>> SpeedGauge::Make(const checkpoint::Checkpoint& checkpoint,
                                                             const quality::TokenizedSample& sample,
                                                             absl::Span<const size_t> texts) {
  std::unique_ptr<SpeedGauge> gauge(new SpeedGauge(checkpoint));
  std::vector<size_t> starts(sample.lengths.size() + 1, 0);
  std::partial_sum(sample.lengths.begin(), sample.lengths.end(), starts.begin() + 1);
  for (const size_t text : texts) {
    if (gauge->sample_.token_ids.size() >= kBatches * quality::kBatchTokens) break;
    const auto first = sample.token_ids.begin() + static_cast<std::ptrdiff_t>(starts[text]);
    gauge->sample_.token_ids.insert(gauge->sample_.token_ids.end(), first,
                                    first + static_cast<std::ptrdiff_t>(sample.lengths[text]));
    gauge->sample_.lengths.push_back(sample.lengths[text]);
  }
  gauge->batches_ = quality::FormBatches(gauge->sample_);
  ASSIGN_OR_RETURN(gauge->dense_, encoder::LoadPackedClassifier(checkpoint, {}));
  return gauge;
}

absl::StatusOr<double> SpeedGauge::SpeedupOf(const checkpoint::PruningMask& mask) {
  ASSIGN_OR_RETURN(const auto narrow, encoder::LoadPackedClassifier(checkpoint_, {.mask = mask}));
  std::vector<double> ratios;
  std::vector<float> logits;
  for (size_t round = 0; round <= kRounds; ++round) {
    for (const quality::SampleBatch& batch : batches_) {
      logits.resize(batch.examples() * static_cast<size_t>(checkpoint_.config().num_labels()));
      const encoder::PackedBatch view = batch.View(sample_);
      ASSIGN_OR_RETURN(const auto dense_s, SecondsOf(*dense_, view, absl::MakeSpan(logits)));
      ASSIGN_OR_RETURN(const auto narrow_s, SecondsOf(*narrow, view, absl::MakeSpan(logits)));
      if (round > 0) ratios.push_back(dense_s / narrow_s);
    }
  }
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

}  // namespace roberta::pruner
