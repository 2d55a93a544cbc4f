#include "profiles/pruner/refit.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/pruner/removal.h"
#include "profiles/reference/reference_profile.h"

namespace roberta::pruner {
namespace {

using checkpoint::ModelConfig;
using reference::Affine;
using reference::Layer;
using reference::Weights;

constexpr std::array<double, 5> kRidges = {1e-4, 1e-3, 1e-2, 1e-1, 1};  // times the mean of the Gram matrix's diagonal
// The texts to fit are added up in three lanes at the same time, and the lanes in order, so that the sums do not depend
// on the number of threads.
constexpr size_t kFitLanes = 3, kTuneLane = kFitLanes, kHeldOutLane = kTuneLane + 1;

/// A batch that runs through both models, part by part.
struct Flow {
  const TextBatch* batch;
  size_t lane;
  at::Tensor dense, narrow;  ///< [sequences, longest, hidden]: the inputs of the next part
};

/// The sums that least squares need, for inputs x (with a 1 appended, for the bias) and targets y.
struct Moments {
  at::Tensor gram;     ///< [in + 1, in + 1]: the sum of x xᵀ
  at::Tensor cross;    ///< [in + 1, hidden]: the sum of x yᵀ
  double targets = 0;  ///< the sum of |y|²

  void Add(const at::Tensor& inputs, const at::Tensor& sums) {
    const at::Tensor x = at::cat({inputs, at::ones({inputs.size(0), 1})}, 1);
    if (!gram.defined()) {
      gram = at::zeros({x.size(1), x.size(1)});
      cross = at::zeros({x.size(1), sums.size(1)});
    }
    gram.addmm_(x.t(), x);
    cross.addmm_(x.t(), sums);
    targets += sums.square().sum(at::kDouble).item<double>();
  }
  void Add(const Moments& other) {
    if (!other.gram.defined()) return;
    if (!gram.defined()) {
      *this = other;
      return;
    }
    gram += other.gram;
    cross += other.cross;
    targets += other.targets;
  }
  /// The sum of |y - wᵀ x|², where w is `solution` [in + 1, hidden].
  double Error(const at::Tensor& solution) const {
    const at::Tensor product = at::matmul(gram, solution) - 2 * cross;
    return (solution * product).sum(at::kDouble).item<double>() + targets;
  }
};

/// The solution that fits best, regularized towards `old`; nothing if the matrix is singular within rounding.
std::optional<at::Tensor> Ridge(const Moments& moments, const at::Tensor& old, double ridge) {
  at::Tensor matrix = moments.gram.clone();
  const double strength = ridge * std::max(moments.gram.diagonal().mean().item<double>(), 1e-12);
  matrix.diagonal().add_(strength);
  const auto [factor, failure] = at::linalg_cholesky_ex(matrix);
  if (failure.item<int>() != 0) return std::nullopt;
  const at::Tensor solution = old + at::cholesky_solve(moments.cross - at::matmul(moments.gram, old), factor);
  if (!at::isfinite(solution).all().item<bool>()) return std::nullopt;
  return solution;
}

/// Refits one model.
class Refitter {
 public:
  Refitter(const Weights& dense, const ModelConfig& config, const checkpoint::PruningMask& mask,
           const RefitTexts& texts, absl::Span<const StoredAs> stored_as, const quality::RunAll& run_all)
      : dense_(dense), config_(config), stored_as_(stored_as), run_all_(run_all), narrow_(Narrow(dense, mask, config)) {
    for (size_t i = 0; i < texts.fit.size(); ++i) flows_.push_back({&texts.fit[i], i % kFitLanes, {}, {}});
    for (const TextBatch& batch : texts.tune) flows_.push_back({&batch, kTuneLane, {}, {}});
    for (const TextBatch& batch : texts.held_out) flows_.push_back({&batch, kHeldOutLane, {}, {}});
  }

  absl::Status Run(const OnProgress& on_progress, Refitted* refitted) {
    RETURN_IF_ERROR(ForEach(flows_.size(), [&](size_t i) {
      flows_[i].dense = flows_[i].narrow = reference::Embed(dense_, config_, flows_[i].batch->padded);
    }));
    for (size_t part = 0; part < 2 * dense_.layers.size(); ++part) {
      RETURN_IF_ERROR(RefitPart(part, &refitted->parts.emplace_back()));
      on_progress(part + 1, 2 * dense_.layers.size());
    }
    refitted->weights = narrow_;
    return reference::CallTorch([&] {
      const at::NoGradGuard no_gradients;
      for (const Flow& flow : flows_) {
        if (flow.lane != kHeldOutLane) continue;
        AppendLogits(reference::Head(dense_, flow.dense), &refitted->dense_logits);
        AppendLogits(reference::Head(narrow_, flow.narrow), &refitted->logits);
      }
      return absl::OkStatus();
    });
  }

  /// Sets `*helped` if the answers to the tuning texts are closer to the dense model's with the refit than without it.
  absl::Status Judge(const checkpoint::PruningMask& mask, bool* helped) {
    const Weights before = Narrow(dense_, mask, config_);
    std::vector<double> with(flows_.size(), 0), without(flows_.size(), 0);
    absl::Status status = ForEach(flows_.size(), [&](size_t i) {
      const Flow& flow = flows_[i];
      if (flow.lane != kTuneLane) return;
      const at::Tensor target = reference::Head(dense_, flow.dense);
      const auto distance = [&](const at::Tensor& logits) {
        return (logits - target).square().sum(at::kDouble).item<double>();
      };
      with[i] = distance(reference::Head(narrow_, flow.narrow));
      without[i] = distance(reference::Forward(before, config_, flow.batch->padded));
    });
    double gain = 0;
    for (size_t i = 0; i < flows_.size(); ++i) gain += without[i] - with[i];
    *helped = gain > 0;
    return status;
  }

  static void AppendLogits(const at::Tensor& logits, std::vector<float>* to) {
    const at::Tensor values = logits.contiguous();
    to->insert(to->end(), values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  }

 private:
  absl::Status ForEach(size_t count, const std::function<void(size_t)>& task) {
    return reference::CallTorchForAll(count, run_all_, [&](size_t i) {
      const at::NoGradGuard no_gradients;
      task(i);
    });
  }

  static const Affine& Output(const Layer& layer, size_t part) {
    return part % 2 == 0 ? layer.attention_output : layer.output;
  }
  at::Tensor InputsOf(const Layer& layer, size_t part, const Flow& flow, const at::Tensor& hidden) const {
    if (part % 2 == 1) return reference::Neurons(layer, config_, hidden);
    return reference::Context(layer, config_, hidden, flow.batch->padded.attention_mask);
  }
  at::Tensor NormOf(const Layer& layer, size_t part, const at::Tensor& sum) const {
    return reference::Norm(sum, part % 2 == 0 ? layer.attention_norm : layer.output_norm, config_);
  }

  /// Adds the inputs and targets of one part for one batch to `*moments`, and runs the dense model through that part.
  void AddMoments(size_t part, Flow* flow, Moments* moments) {
    const Layer& layer = dense_.layers[part / 2];
    const at::Tensor sum =
        reference::Linear(InputsOf(layer, part, *flow, flow->dense), Output(layer, part)) + flow->dense;
    flow->dense = NormOf(layer, part, sum);
    if (flow->lane == kHeldOutLane) return;
    const bool last_layer = part / 2 + 1 == dense_.layers.size();
    const at::Tensor& rows = last_layer ? flow->batch->firsts : flow->batch->tokens;
    const auto rows_of = [&](const at::Tensor& tensor) { return tensor.flatten(0, 1).index_select(0, rows); };
    moments->Add(rows_of(InputsOf(narrow_.layers[part / 2], part, *flow, flow->narrow)), rows_of(sum - flow->narrow));
  }

  absl::Status RefitPart(size_t part, PartFit* fit) {
    std::array<std::vector<Flow*>, kHeldOutLane + 1> lanes;
    for (Flow& flow : flows_) lanes[flow.lane].push_back(&flow);
    std::array<Moments, lanes.size()> moments;
    RETURN_IF_ERROR(ForEach(lanes.size(), [&](size_t lane) {
      for (Flow* flow : lanes[lane]) AddMoments(part, flow, &moments[lane]);
    }));
    const at::NoGradGuard no_gradients;
    RETURN_IF_ERROR(reference::CallTorch([&] {
      for (size_t lane = 1; lane < kFitLanes; ++lane) moments[0].Add(std::exchange(moments[lane], {}));
      return absl::OkStatus();
    }));
    RETURN_IF_ERROR(Solve(part, &moments[0], moments[kTuneLane], fit));
    return ForEach(flows_.size(), [&](size_t i) {
      const Layer& layer = narrow_.layers[part / 2];
      Flow& flow = flows_[i];
      const at::Tensor inputs = InputsOf(layer, part, flow, flow.narrow);
      flow.narrow = NormOf(layer, part, reference::Linear(inputs, Output(layer, part)) + flow.narrow);
    });
  }

  /// Chooses the ridge with the smallest error on the tuning texts, and then fits to all texts.
  absl::Status Solve(size_t part, Moments* to_fit, const Moments& to_tune, PartFit* fit) {
    Layer& layer = narrow_.layers[part / 2];
    Affine& output = part % 2 == 0 ? layer.attention_output : layer.output;
    const at::Tensor old = at::cat({output.weight.t(), output.bias.unsqueeze(0)}, 0).contiguous();
    std::array<double, kRidges.size()> errors;
    errors.fill(std::numeric_limits<double>::infinity());
    RETURN_IF_ERROR(ForEach(kRidges.size(), [&](size_t i) {
      if (const auto solution = Ridge(*to_fit, old, kRidges[i])) errors[i] = to_tune.Error(*solution);
    }));
    const auto best = static_cast<size_t>(std::ranges::min_element(errors) - errors.begin());
    return reference::CallTorch([&] {
      const double scale = std::max(to_tune.targets, 1e-30);
      fit->error_before = fit->error_after = to_tune.Error(old) / scale;
      if (!(errors[best] / scale < fit->error_before)) return absl::OkStatus();
      to_fit->Add(to_tune);
      const auto solution = Ridge(*to_fit, old, kRidges[best]);
      if (!solution) return absl::OkStatus();
      fit->ridge = kRidges[best];
      fit->error_after = errors[best] / scale;
      const auto rounded = [](const at::Tensor& values, at::ScalarType type) { return values.to(type).to(at::kFloat); };
      const int64_t in = solution->size(0) - 1;
      output.weight = rounded(solution->narrow(0, 0, in).t().contiguous(), stored_as_[part].weight);
      output.bias = rounded((*solution)[in].clone(), stored_as_[part].bias);
      return absl::OkStatus();
    });
  }

  const Weights& dense_;
  const ModelConfig& config_;
  const absl::Span<const StoredAs> stored_as_;
  const quality::RunAll& run_all_;
  Weights narrow_;
  std::vector<Flow> flows_;
};

Affine Rows(const Affine& affine, const at::Tensor& rows) {
  return {affine.weight.index_select(0, rows), affine.bias.index_select(0, rows)};
}

}  // namespace

Weights Narrow(const Weights& weights, const checkpoint::PruningMask& mask, const ModelConfig& config) {
  const at::NoGradGuard no_gradients;
  Weights narrow = weights;
  for (size_t i = 0; i < mask.size(); ++i) {
    Layer& layer = narrow.layers[i];
    if (mask[i].heads.size() < static_cast<size_t>(config.num_attention_heads)) {
      const at::Tensor columns = ColumnsOf(mask[i].heads, config.head_size());
      for (Affine* affine : {&layer.query, &layer.key, &layer.value}) *affine = Rows(*affine, columns);
      layer.attention_output.weight = layer.attention_output.weight.index_select(1, columns);
    }
    if (mask[i].neurons.size() < static_cast<size_t>(config.intermediate_size)) {
      const at::Tensor columns = ColumnsOf(mask[i].neurons, 1);
      layer.intermediate = Rows(layer.intermediate, columns);
      layer.output.weight = layer.output.weight.index_select(1, columns);
    }
  }
  return narrow;
}

absl::StatusOr<Refitted> Refit(const Weights& dense, const ModelConfig& config, const checkpoint::PruningMask& mask,
                               const RefitTexts& texts, absl::Span<const StoredAs> stored_as,
                               const quality::RunAll& run_all, const OnProgress& on_progress) {
  Refitted refitted;
  Refitter refitter(dense, config, mask, texts, stored_as, run_all);
  RETURN_IF_ERROR(refitter.Run(on_progress, &refitted));
  RETURN_IF_ERROR(refitter.Judge(mask, &refitted.helped));
  if (refitted.helped) return refitted;
  auto without = WithoutRefit(dense, config, mask, texts.held_out, run_all, on_progress);
  if (without.ok()) without->parts = std::move(refitted.parts);
  return without;
}

absl::StatusOr<Refitted> WithoutRefit(const Weights& dense, const ModelConfig& config,
                                      const checkpoint::PruningMask& mask, const std::vector<TextBatch>& held_out,
                                      const quality::RunAll& run_all, const OnProgress& on_progress) {
  Refitted narrow;
  narrow.weights = Narrow(dense, mask, config);
  std::vector<std::vector<float>> of_dense(held_out.size()), of_narrow(held_out.size());
  RETURN_IF_ERROR(reference::CallTorchForAll(held_out.size(), run_all, [&](size_t i) {
    const at::NoGradGuard no_gradients;
    Refitter::AppendLogits(reference::Forward(dense, config, held_out[i].padded), &of_dense[i]);
    Refitter::AppendLogits(reference::Forward(narrow.weights, config, held_out[i].padded), &of_narrow[i]);
  }));
  for (size_t i = 0; i < held_out.size(); ++i) {
    narrow.dense_logits.insert(narrow.dense_logits.end(), of_dense[i].begin(), of_dense[i].end());
    narrow.logits.insert(narrow.logits.end(), of_narrow[i].begin(), of_narrow[i].end());
  }
  on_progress(1, 1);
  return narrow;
}

}  // namespace roberta::pruner
