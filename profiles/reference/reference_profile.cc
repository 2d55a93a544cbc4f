#include "profiles/reference/reference_profile.h"

#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/reference/call_torch.h"
#include "profiles/reference/model.h"

namespace roberta::reference {
namespace {

class ReferenceProfile final : public encoder::Profile {
 public:
  ReferenceProfile(checkpoint::ModelConfig config, Weights weights)
      : config_(std::move(config)), weights_(std::move(weights)) {
    description_.precision = "fp32";
    description_.kernels = {absl::StrCat("LibTorch ", TORCH_VERSION_MAJOR, ".", TORCH_VERSION_MINOR, " eager, padded")};
    description_.weight_bytes = WeightBytes(weights_);
  }

  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    const auto labels = static_cast<size_t>(config_.num_labels());
    RETURN_IF_ERROR(encoder::ValidateRun(batch, config_.vocab_size, config_.max_tokens(), labels, logits.size()));
    return CallTorch([&] {
      const c10::InferenceMode inference;
      for (size_t begin = 0; begin < batch.sequences();) {
        size_t end = begin, longest = 0;
        while (end < batch.sequences()) {
          const size_t padded = std::max(longest, batch.sequence(end).size());
          if (end > begin && padded * (end - begin + 1) > kMaxPaddedTokens) break;
          longest = padded;
          ++end;
        }
        std::vector<absl::Span<const int32_t>> sequences;
        for (size_t i = begin; i < end; ++i) sequences.push_back(batch.sequence(i));
        const at::Tensor result = Forward(weights_, config_, Pad(sequences, config_.pad_token_id)).contiguous();
        std::copy_n(result.data_ptr<float>(), (end - begin) * labels, logits.begin() + begin * labels);
        begin = end;
      }
      return absl::OkStatus();
    });
  }

  const encoder::ProfileDescription& description() const override { return description_; }

 private:
  const checkpoint::ModelConfig config_;
  const Weights weights_;
  encoder::ProfileDescription description_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const encoder::Profile>> LoadReferenceProfile(const checkpoint::Checkpoint& checkpoint) {
  std::unique_ptr<const encoder::Profile> profile;
  RETURN_IF_ERROR(CallTorch([&] {
    const c10::InferenceMode inference;
    profile = std::make_unique<ReferenceProfile>(checkpoint.config(), LoadWeights(checkpoint));
    return absl::OkStatus();
  }));
  return profile;
}

const char* LibTorchVersion() {
  return TORCH_VERSION;
}

}  // namespace roberta::reference
