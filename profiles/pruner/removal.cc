#include "profiles/pruner/removal.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/pruned/pruned.h"
#include "profiles/statistics/statistics.h"

namespace roberta::pruner {
namespace {

constexpr double kDamping = 0.01;  // times the mean of the diagonal: inputs that no text has still cost something
constexpr int64_t kStepsOfSingleColumns = 192;
constexpr float kGone = std::numeric_limits<float>::infinity();

/// One part while its units are removed, one after another.
class Surgery {
 public:
  Surgery(const PartCurvature& curvature, const at::Tensor& weight, int64_t unit_size)
      : unit_size_(unit_size), outputs_(curvature.outputs), weight_(weight.clone()) {
    const int64_t in = weight.size(1);
    const double damping = std::max(kDamping * curvature.inputs.diagonal().mean().item<double>(), 1e-30);
    inverse_ = at::linalg_inv(curvature.inputs + damping * at::eye(in, at::kFloat));
    product_ = at::matmul(outputs_, weight_);
    gone_.assign(static_cast<size_t>(in / unit_size), false);
  }

  size_t units() const { return gone_.size(); }

  /// The cost of removing each unit; kGone for those that are gone.
  std::vector<float> Costs() const {
    at::Tensor costs;
    if (unit_size_ == 1) {
      costs = (product_ * weight_).sum(0) / inverse_.diagonal().clamp_min(1e-30);
    } else {
      costs = at::zeros({static_cast<int64_t>(units())}, at::kFloat);
      for (size_t unit = 0; unit < units(); ++unit) {
        if (!gone_[unit]) costs[static_cast<int64_t>(unit)] = CostOfBlock(static_cast<int64_t>(unit) * unit_size_);
      }
    }
    costs = costs.contiguous();
    std::vector<float> values(costs.data_ptr<float>(), costs.data_ptr<float>() + costs.numel());
    for (size_t unit = 0; unit < values.size(); ++unit) {
      if (gone_[unit]) values[unit] = kGone;
    }
    return values;
  }

  /// Removes units, and changes the weights of the others to compensate.
  void Remove(absl::Span<const int32_t> units) {
    for (const int32_t unit : units) gone_[static_cast<size_t>(unit)] = true;
    const at::Tensor columns = ColumnsOf(units, unit_size_);
    const at::Tensor across = inverse_.index_select(1, columns);  // [in, columns]
    const at::Tensor repair = at::matmul(at::linalg_inv(across.index_select(0, columns)), across.t());
    weight_ -= at::matmul(weight_.index_select(1, columns), repair);
    product_ -= at::matmul(product_.index_select(1, columns), repair);
    inverse_.addmm_(across, repair, 1, -1);
    // Rounding leaves small values where the removed columns were.
    weight_.index_fill_(1, columns, 0);
    product_.index_fill_(1, columns, 0);
    inverse_.index_fill_(0, columns, 0).index_fill_(1, columns, 0);
  }

 private:
  at::Tensor CostOfBlock(int64_t begin) const {
    const auto block = [&](const at::Tensor& matrix) { return matrix.narrow(1, begin, unit_size_); };
    const at::Tensor squares = at::matmul(block(weight_).t(), block(product_));
    return at::trace(at::matmul(squares, at::linalg_inv(block(inverse_).narrow(0, begin, unit_size_))));
  }

  const int64_t unit_size_;
  const at::Tensor outputs_;
  at::Tensor weight_;   // [hidden, in]
  at::Tensor product_;  // outputs_ weight_
  at::Tensor inverse_;  // [in, in]: the inverse of the inputs' matrix, restricted to the columns that stay
  std::vector<bool> gone_;
};

constexpr size_t kBatches = 8;
constexpr size_t kRounds = 5;  // over all batches, after one that is not counted

absl::StatusOr<double> SecondsOf(const encoder::Profile& profile, const encoder::PackedBatch& batch,
                                 absl::Span<float> logits) {
  const auto start = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(profile.Run(batch, logits));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

RemovalOrder OrderByCurvature(const PartCurvature& curvature, const at::Tensor& weight, int64_t unit_size) {
  const at::NoGradGuard no_gradients;
  Surgery surgery(curvature, weight, unit_size);
  const size_t at_once =
      unit_size > 1 ? 1 : std::max<size_t>(1, surgery.units() / static_cast<size_t>(kStepsOfSingleColumns));
  RemovalOrder order;
  while (order.units.size() < surgery.units()) {
    const std::vector<float> costs = surgery.Costs();
    std::vector<int32_t> cheapest(costs.size());
    std::iota(cheapest.begin(), cheapest.end(), 0);
    const size_t count = std::min(at_once, surgery.units() - order.units.size());
    const auto cost = [&](int32_t unit) { return costs[static_cast<size_t>(unit)]; };
    std::partial_sort(cheapest.begin(), cheapest.begin() + static_cast<std::ptrdiff_t>(count), cheapest.end(),
                      [&](int32_t a, int32_t b) { return std::pair(cost(a), a) < std::pair(cost(b), b); });
    cheapest.resize(count);
    for (const int32_t unit : cheapest) {
      order.units.push_back(unit);
      order.costs.push_back(cost(unit));
    }
    surgery.Remove(cheapest);
  }
  return order;
}

at::Tensor ColumnsOf(absl::Span<const int32_t> units, int64_t unit_size) {
  at::Tensor columns = at::empty({static_cast<int64_t>(units.size()) * unit_size}, at::kLong);
  int64_t* next = columns.data_ptr<int64_t>();
  for (const int32_t unit : units) {
    for (int64_t i = 0; i < unit_size; ++i) *next++ = unit * unit_size + i;
  }
  return columns;
}

RemovalOrder OrderByImportance(absl::Span<const double> importances) {
  RemovalOrder order;
  order.units.resize(importances.size());
  std::iota(order.units.begin(), order.units.end(), 0);
  std::ranges::stable_sort(order.units, [&](int32_t a, int32_t b) {
    return importances[static_cast<size_t>(a)] < importances[static_cast<size_t>(b)];
  });
  for (const int32_t unit : order.units) order.costs.push_back(importances[static_cast<size_t>(unit)]);
  return order;
}

RemovalPath::RemovalPath(absl::Span<const RemovalOrder> orders, const checkpoint::ModelConfig& config,
                         double first_token_share)
    : config_(config) {
  // What a head and a neuron save, divided by hidden. In the last layer only keys and values are computed for every
  // token.
  const auto macs = [&](size_t part) {
    const double rest = part + 2 < orders.size() ? 1 : first_token_share;
    return part % 2 == 0 ? (2 + 2 * rest) * static_cast<double>(config.head_size()) : 2 * rest;
  };
  std::vector<size_t> lost(orders.size(), 0);
  // The first group has the remainder of the division into whole groups, so that whole groups stay.
  const auto group = [&](size_t part) {
    const size_t left = orders[part].units.size() - lost[part], whole = part % 2 == 0 ? 1 : pruned::NeuronGroup(config);
    return left % whole == 0 ? std::min(left, whole) : left % whole;
  };
  while (true) {
    size_t best = orders.size();
    double best_price = 0;
    for (size_t part = 0; part < orders.size(); ++part) {
      const size_t count = group(part);
      if (count == 0) continue;
      const auto first = orders[part].costs.begin() + static_cast<std::ptrdiff_t>(lost[part]);
      const double price = std::accumulate(first, first + static_cast<std::ptrdiff_t>(count), 0.0) /
                           (macs(part) * static_cast<double>(count));
      if (best == orders.size() || price < best_price) {
        best = part;
        best_price = price;
      }
    }
    if (best == orders.size()) return;
    const auto first = orders[best].units.begin() + static_cast<std::ptrdiff_t>(lost[best]);
    const auto count = static_cast<std::ptrdiff_t>(group(best));
    steps_.push_back({best, std::vector<int32_t>(first, first + count)});
    lost[best] += static_cast<size_t>(count);
  }
}

checkpoint::PruningMask RemovalPath::MaskAt(double keep_macs) const {
  const auto layers = static_cast<size_t>(config_.num_hidden_layers);
  std::vector<std::vector<bool>> kept;
  for (size_t i = 0; i < layers; ++i) {
    kept.emplace_back(static_cast<size_t>(config_.num_attention_heads), true);
    kept.emplace_back(static_cast<size_t>(config_.intermediate_size), true);
  }
  // Counted in columns of the hidden size, which is exact, and the same sum as checkpoint::KeptMacs.
  int64_t left = config_.num_hidden_layers * (4 * config_.hidden_size + 2 * config_.intermediate_size);
  const double budget = keep_macs * static_cast<double>(left);
  for (const Step& step : steps_) {
    if (static_cast<double>(left) <= budget) break;
    for (const int32_t unit : step.units) kept[step.part][static_cast<size_t>(unit)] = false;
    left -= static_cast<int64_t>(step.units.size()) * (step.part % 2 == 0 ? 4 * config_.head_size() : 2);
  }
  checkpoint::PruningMask mask(layers);
  for (size_t part = 0; part < kept.size(); ++part) {
    std::vector<int32_t>& indices = part % 2 == 0 ? mask[part / 2].heads : mask[part / 2].neurons;
    for (size_t unit = 0; unit < kept[part].size(); ++unit) {
      if (kept[part][unit]) indices.push_back(static_cast<int32_t>(unit));
    }
  }
  return mask;
}

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
  return statistics::Quantile(std::move(ratios), 0.5);
}

}  // namespace roberta::pruner
