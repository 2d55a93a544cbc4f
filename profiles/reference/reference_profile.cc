#include "profiles/reference/reference_profile.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "profiles/errors/errors.h"
#include "profiles/reference/model.h"

namespace roberta::reference {
namespace {

void UseCallingThreadOnly() {
  // OpenBLAS counts threads per process; LibTorch's OpenMP setting is per thread.
  static const bool openblas_set = [] {
    if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"); symbol != nullptr) {
      reinterpret_cast<void (*)(int)>(symbol)(1);
    }
    return true;
  }();
  static thread_local const bool thread_set = [] {
    at::set_num_threads(1);
    return true;
  }();
  static_cast<void>(openblas_set);
  static_cast<void>(thread_set);
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

absl::Status CallTorch(absl::FunctionRef<absl::Status()> function) {
  try {
    UseCallingThreadOnly();
    return function();
  } catch (const c10::Error& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
  }
}

absl::Status CallTorchForAll(size_t count,
                             const std::function<void(size_t, const std::function<void(size_t)>&)>& run_all,
                             absl::FunctionRef<void(size_t)> task) {
  std::vector<absl::Status> statuses(count);
  run_all(count, [&](size_t i) {
    statuses[i] = CallTorch([&] {
      task(i);
      return absl::OkStatus();
    });
  });
  absl::Status first_error;
  for (const absl::Status& status : statuses) first_error.Update(status);
  return first_error;
}

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
