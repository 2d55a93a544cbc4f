#pragma once

#include <functional>
#include <utility>

#include "profiles/encoder/profile.h"

namespace roberta::service {

/// A profile that does what the test says. By default the first logit is the number of tokens, the others are 0.
class PuppetProfile final : public encoder::Profile {
 public:
  using Behavior = std::function<absl::Status(const encoder::PackedBatch&, absl::Span<float>)>;

  explicit PuppetProfile(Behavior behavior = CountTokens) : behavior_(std::move(behavior)) {}

  absl::Status Run(const encoder::PackedBatch& batch, absl::Span<float> logits) const override {
    return behavior_(batch, logits);
  }
  const encoder::ProfileDescription& description() const override { return description_; }

  static absl::Status CountTokens(const encoder::PackedBatch& batch, absl::Span<float> logits) {
    const size_t labels = logits.size() / batch.sequences();
    for (size_t i = 0; i < logits.size(); ++i) {
      logits[i] = i % labels == 0 ? static_cast<float>(batch.sequence(i / labels).size()) : 0.0f;
    }
    return absl::OkStatus();
  }

 private:
  const Behavior behavior_;
  const encoder::ProfileDescription description_ = {.precision = "puppet", .kernels = {"strings"}, .weight_bytes = 1};
};

}  // namespace roberta::service
