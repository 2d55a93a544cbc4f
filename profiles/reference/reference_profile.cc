#include "profiles/reference/reference_profile.h"

// With clang as C++20, LibTorch 1.13's other headers need this one before them.
#include <ATen/core/ivalue.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/reference/model.h"
#include "profiles/reference/single_thread.h"

namespace roberta::reference {

namespace {

/// The one place where LibTorch's exceptions become a status.
template <typename Function>
absl::Status CatchTorch(Function&& function) {
  try {
    return function();
  } catch (const c10::Error& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
  }
}

PaddedBatch Pad(const encoder::PackedBatch& batch, size_t begin, size_t end, size_t longest, int32_t pad_token_id) {
  const std::vector<int64_t> shape = {static_cast<int64_t>(end - begin), static_cast<int64_t>(longest)};
  PaddedBatch padded{.token_ids = at::full(shape, pad_token_id, at::kLong),
                     .position_ids = at::full(shape, pad_token_id, at::kLong),
                     .attention_mask = at::full(shape, std::numeric_limits<float>::lowest(), at::kFloat)};
  std::vector<int32_t> positions(longest);
  for (size_t i = begin; i < end; ++i) {
    const absl::Span<const int32_t> ids = batch.sequence(i);
    const size_t row = (i - begin) * longest;
    encoder::PositionIds(ids, pad_token_id, absl::MakeSpan(positions).subspan(0, ids.size()));
    std::copy(ids.begin(), ids.end(), padded.token_ids.data_ptr<int64_t>() + row);
    std::copy_n(positions.begin(), ids.size(), padded.position_ids.data_ptr<int64_t>() + row);
    std::fill_n(padded.attention_mask.data_ptr<float>() + row, ids.size(), 0.0f);
  }
  return padded;
}

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
    absl::Status status = encoder::ValidateRun(batch, config_.vocab_size, config_.max_tokens(), labels, logits.size());
    if (!status.ok()) return status;
    return CatchTorch([&] {
      const c10::InferenceMode inference;
      RunOnCallingThreadOnly();
      for (size_t begin = 0; begin < batch.sequences();) {
        size_t end = begin, longest = 0;
        while (end < batch.sequences()) {
          const size_t padded = std::max(longest, batch.sequence(end).size());
          if (end > begin && padded * (end - begin + 1) > kMaxPaddedTokens) break;
          longest = padded;
          ++end;
        }
        const at::Tensor result =
            Forward(weights_, config_, Pad(batch, begin, end, longest, config_.pad_token_id)).contiguous();
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
  if (!checkpoint.mask().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(checkpoint.directory(), ": is a pruned checkpoint; the reference model runs dense ones only"));
  }
  std::unique_ptr<const encoder::Profile> profile;
  absl::Status status = CatchTorch([&] {
    const c10::InferenceMode inference;
    RunOnCallingThreadOnly();
    profile = std::make_unique<ReferenceProfile>(checkpoint.config(), LoadWeights(checkpoint));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return profile;
}

}  // namespace roberta::reference
