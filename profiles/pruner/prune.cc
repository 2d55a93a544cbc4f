#include "profiles/pruner/prune.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "profiles/checkpoint/files.h"
#include "profiles/errors/errors.h"
#include "profiles/pruner/curvature.h"
#include "profiles/pruner/refit.h"
#include "profiles/pruner/removal.h"
#include "profiles/reference/model.h"
#include "profiles/reference/reference_profile.h"

namespace roberta::pruner {
namespace {

using checkpoint::PruningMask;
using reference::Weights;

constexpr double kLeastKept = 0.05;  // where a search ends: a model that keeps less is of no use
constexpr int kTries = 6;            // of a search; each halves the uncertainty

/// Finds the mask that keeps a share of the multiply-accumulates.
using MaskAt = std::function<absl::StatusOr<PruningMask>(double keep_macs)>;

absl::Status CheckOptions(const checkpoint::Checkpoint& checkpoint, const quality::Sample& sample,
                          const PruneOptions& options) {
  const double value = options.budget.value;
  if (!checkpoint.mask().empty()) {
    return errors::InvalidArgument(checkpoint.directory(), ": is a pruned checkpoint already");
  }
  if (options.most_texts < kFewestTexts) {
    return errors::InvalidArgument("the most texts to learn from are ", options.most_texts, "; they must be ",
                                   kFewestTexts, " or more");
  }
  if (options.most_held_out == 0) {
    return absl::InvalidArgumentError("the most texts to hold out are 0; they must be 1 or more");
  }
  switch (options.budget.kind) {
    case Budget::Kind::kKeepMacs:
      if (value > 0 && value <= 1) return absl::OkStatus();
      return errors::InvalidArgument("keep_macs is ", value, "; it must be above 0 and at most 1");
    case Budget::Kind::kTargetSpeedup:
      if (value >= 1 && std::isfinite(value)) return absl::OkStatus();
      return errors::InvalidArgument("target speed-up is ", value, "; it must be 1 or more");
    case Budget::Kind::kMaxDrop:
      if (!(value >= 0 && value <= 100)) {
        return errors::InvalidArgument("the most points to drop are ", value, "; they must be 0 to 100");
      }
      if (sample.empty() || sample.front().label) return absl::OkStatus();
      return absl::InvalidArgumentError("the most points to drop: without labels there is no accuracy to measure");
  }
  return absl::OkStatus();
}

class Pruner {
 public:
  Pruner(const checkpoint::Checkpoint& checkpoint, const quality::Sample& sample,
         const quality::TokenizedSample& tokenized, const PruneOptions& options, const quality::RunAll& run_all,
         const OnStep& on_step)
      : checkpoint_(checkpoint),
        config_(checkpoint.config()),
        names_(checkpoint::TensorNamesOf(config_)),
        sample_(sample),
        tokenized_(tokenized),
        options_(options),
        run_all_(run_all),
        on_step_(on_step) {}

  absl::StatusOr<Pruned> Run() {
    RETURN_IF_ERROR(Prepare());
    ASSIGN_OR_RETURN(const auto mask_at, Search());
    if (options_.budget.kind == Budget::Kind::kTargetSpeedup) return ToSpeed(mask_at);
    if (options_.budget.kind == Budget::Kind::kMaxDrop) return ToAccuracy(mask_at);
    ASSIGN_OR_RETURN(auto mask, mask_at(options_.budget.value));
    return Finish(std::move(mask));
  }

 private:
  /// Begins a step. First it returns the memory of the previous step to the system.
  OnProgress Step(std::string step) const {
    checkpoint_.ReleasePages();
    checkpoint::ReturnFreeMemory();
    on_step_(step, 0, 0);
    return [this, step](size_t done, size_t total) { on_step_(step, done, total); };
  }

  absl::Status Prepare() {
    ASSIGN_OR_RETURN(split_,
                     SplitTexts(tokenized_.lengths, options_.most_texts, options_.most_held_out, options_.seed));
    Step("reading weights");
    return reference::CallTorch([&] {
      weights_ = reference::LoadWeights(checkpoint_);
      texts_.fit = FormTextBatches(tokenized_, split_.fit, config_.pad_token_id);
      texts_.tune = FormTextBatches(tokenized_, split_.tune, config_.pad_token_id);
      texts_.held_out = FormTextBatches(tokenized_, split_.held_out, config_.pad_token_id);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<MaskAt> Search() {
    if (options_.method == Method::kMagnitude) {
      return MaskAt([this](double keep_macs) { return pruned::MaskByMagnitude(checkpoint_, keep_macs); });
    }
    if (options_.method == Method::kRandom) {
      return MaskAt([this](double keep_macs) { return pruned::MaskAtRandom(config_, keep_macs, options_.seed); });
    }
    ASSIGN_OR_RETURN(auto orders, options_.method == Method::kFisher ? FisherOrders() : CurvatureOrders());
    const auto path = std::make_shared<const RemovalPath>(orders, config_, FirstTokenShare());
    return MaskAt([path](double keep_macs) { return path->MaskAt(keep_macs); });
  }

  double FirstTokenShare() const {
    size_t tokens = 0;
    for (const size_t text : split_.fit) tokens += tokenized_.lengths[text];
    return static_cast<double>(split_.fit.size()) / static_cast<double>(tokens);
  }

  absl::StatusOr<std::vector<RemovalOrder>> FisherOrders() {
    ASSIGN_OR_RETURN(const auto fisher,
                     MeasureFisher(weights_, config_, texts_.fit, options_.seed, run_all_, Step("gradients")));
    std::vector<RemovalOrder> orders;
    for (const std::vector<double>& importances : fisher) orders.push_back(OrderByImportance(importances));
    return orders;
  }

  absl::StatusOr<std::vector<RemovalOrder>> CurvatureOrders() {
    ASSIGN_OR_RETURN(auto parts,
                     MeasureCurvature(weights_, config_, texts_.fit, options_.seed, run_all_, Step("gradients")));
    const OnProgress progress = Step("order of removal");
    std::vector<RemovalOrder> orders(parts.size());
    std::atomic<size_t> done = 0;
    RETURN_IF_ERROR(reference::CallTorchForAll(parts.size(), run_all_, [&](size_t part) {
      const reference::Layer& layer = weights_.layers[part / 2];
      orders[part] = part % 2 == 0 ? OrderByCurvature(parts[part], layer.attention_output.weight, config_.head_size())
                                   : OrderByCurvature(parts[part], layer.output.weight, 1);
      parts[part] = {};
      progress(++done, orders.size());
    }));
    return orders;
  }

  absl::StatusOr<double> SpeedupOf(const PruningMask& mask) {
    Step("speed");
    if (gauge_ == nullptr) {
      ASSIGN_OR_RETURN(gauge_, SpeedGauge::Make(checkpoint_, tokenized_, split_.fit));
    }
    return gauge_->SpeedupOf(mask);
  }

  /// Searches for the largest model that is fast enough, by bisection.
  absl::StatusOr<Pruned> ToSpeed(const MaskAt& mask_at) {
    double too_slow = 1, fast_enough = 0, fastest = 1;
    std::optional<PruningMask> best;
    std::vector<Try> tries;
    double keep = std::clamp(1 / options_.budget.value, kLeastKept, 1.0);
    for (int i = 0; i < kTries; ++i) {
      ASSIGN_OR_RETURN(auto mask, mask_at(keep));
      ASSIGN_OR_RETURN(const auto speedup, SpeedupOf(mask));
      tries.push_back({checkpoint::KeptMacs(mask, config_), speedup});
      fastest = std::max(fastest, speedup);
      const bool enough = speedup >= options_.budget.value;
      (enough ? fast_enough : too_slow) = keep;
      if (enough) best = std::move(mask);
      keep = (too_slow + std::max(fast_enough, kLeastKept)) / 2;
    }
    if (!best) {
      return errors::FailedPrecondition("no pruning makes this model ", options_.budget.value,
                                        " times as fast on this host; ", fastest, " is the most that was reached");
    }
    gauge_.reset();
    ASSIGN_OR_RETURN(auto pruned, Finish(*std::move(best)));
    pruned.tries = std::move(tries);
    return pruned;
  }

  /// Searches for the smallest model that is accurate enough, by bisection.
  absl::StatusOr<Pruned> ToAccuracy(const MaskAt& mask_at) {
    double too_small = kLeastKept, good_enough = 1;
    std::optional<Pruned> best;
    std::vector<Try> tries;
    for (int i = 0; i < kTries; ++i) {
      ASSIGN_OR_RETURN(auto mask, mask_at((too_small + good_enough) / 2));
      ASSIGN_OR_RETURN(auto pruned, Evaluate(std::move(mask)));
      const double drop = 100 * (*pruned.quality.baseline_accuracy - *pruned.quality.accuracy);
      tries.push_back({pruned.kept_macs, drop});
      const bool enough = drop <= options_.budget.value;
      (enough ? good_enough : too_small) = (too_small + good_enough) / 2;
      if (enough) best = std::move(pruned);
    }
    if (!best) {
      return errors::FailedPrecondition("no pruning was found that costs at most ", options_.budget.value,
                                        " points: the least that was tried cost ", tries.back().found);
    }
    best->tries = std::move(tries);
    return WithSpeed(*std::move(best));
  }

  absl::StatusOr<Pruned> Finish(PruningMask mask) {
    ASSIGN_OR_RETURN(auto pruned, Evaluate(std::move(mask)));
    return WithSpeed(std::move(pruned));
  }

  /// The last step measures the speed. It frees the weights, which are not needed any more, to make room for packed
  /// ones.
  absl::StatusOr<Pruned> WithSpeed(Pruned pruned) {
    weights_ = {};
    texts_ = {};
    ASSIGN_OR_RETURN(pruned.speedup, SpeedupOf(pruned.mask));
    return pruned;
  }

  /// Keeps what `mask` says, refits it if the options ask for that, and measures its quality.
  absl::StatusOr<Pruned> Evaluate(PruningMask mask) {
    ASSIGN_OR_RETURN(auto refitted,
                     options_.refit
                         ? Refit(weights_, config_, mask, texts_, StoredTypes(), run_all_, Step("least squares"))
                         : WithoutRefit(weights_, config_, mask, texts_.held_out, run_all_, Step("held-out texts")));
    Pruned pruned;
    pruned.kept_macs = checkpoint::KeptMacs(mask, config_);
    pruned.texts = split_.fit.size() + split_.tune.size();
    pruned.refitted = refitted.helped;
    if (refitted.helped) pruned.tensors = OutputProducts(refitted.weights);
    quality::Sample held_out;
    for (const TextBatch& batch : texts_.held_out) {
      for (const size_t text : batch.texts) held_out.push_back(sample_[text]);
    }
    for (const float logit : refitted.logits) {
      if (!std::isfinite(logit)) return absl::InternalError("a logit of the pruned model is not a finite number");
    }
    pruned.quality = quality::CompareLogits(refitted.logits, refitted.dense_logits, held_out, config_);
    pruned.mask = std::move(mask);
    return pruned;
  }

  std::vector<StoredAs> StoredTypes() const {
    std::vector<StoredAs> types;
    for (const checkpoint::LayerNames& layer : names_.layers) {
      for (const std::string* product : {&layer.attention_output, &layer.output}) {
        types.push_back({TypeOf(*product + ".weight"), TypeOf(*product + ".bias")});
      }
    }
    return types;
  }

  at::ScalarType TypeOf(const std::string& tensor) const {
    const checkpoint::Dtype dtype = checkpoint_.tensor(tensor).dtype;
    if (dtype == checkpoint::Dtype::kF16) return at::kHalf;
    return dtype == checkpoint::Dtype::kBF16 ? at::kBFloat16 : at::kFloat;
  }

  std::vector<pruned::NewTensor> OutputProducts(const Weights& weights) const {
    std::vector<pruned::NewTensor> tensors;
    const auto add = [&](std::string name, const at::Tensor& tensor) {
      const at::Tensor values = tensor.contiguous();
      tensors.push_back({std::move(name), values.sizes().vec(),
                         std::vector<float>(values.data_ptr<float>(), values.data_ptr<float>() + values.numel())});
    };
    for (size_t i = 0; i < weights.layers.size(); ++i) {
      const std::pair<const std::string&, const reference::Affine&> products[] = {
          {names_.layers[i].attention_output, weights.layers[i].attention_output},
          {names_.layers[i].output, weights.layers[i].output}};
      for (const auto& [name, product] : products) {
        add(name + ".weight", product.weight);
        add(name + ".bias", product.bias);
      }
    }
    return tensors;
  }

  const checkpoint::Checkpoint& checkpoint_;
  const checkpoint::ModelConfig& config_;
  const checkpoint::TensorNames names_;
  const quality::Sample& sample_;
  const quality::TokenizedSample& tokenized_;
  const PruneOptions& options_;
  const quality::RunAll& run_all_;
  const OnStep& on_step_;
  TextSplit split_;
  Weights weights_;
  RefitTexts texts_;
  std::unique_ptr<SpeedGauge> gauge_;  ///< made on first use
};

}  // namespace

absl::StatusOr<Pruned> Prune(const checkpoint::Checkpoint& checkpoint, const quality::Sample& sample,
                             const quality::TokenizedSample& tokenized, const PruneOptions& options,
                             const quality::RunAll& run_all, const OnStep& on_step) {
  RETURN_IF_ERROR(CheckOptions(checkpoint, sample, options));
  std::optional<Pruned> pruned;
  // Where memory runs out, LibTorch throws from any call that makes a tensor.
  RETURN_IF_ERROR(reference::CallTorch([&] {
    auto found = Pruner(checkpoint, sample, tokenized, options, run_all, on_step).Run();
    if (found.ok()) pruned = *std::move(found);
    return found.status();
  }));
  return *std::move(pruned);
}

}  // namespace roberta::pruner
