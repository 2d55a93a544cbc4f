#include "profiles/encoder/workspace.h"

#include <algorithm>
#include <iterator>

namespace roberta::encoder {

Workspace::Workspace(const PackedWeights& weights, const checkpoint::ModelConfig& config, int64_t max_rows)
    : position_ids_(static_cast<size_t>(max_rows)), cu_seqlens_(static_cast<size_t>(max_rows) + 1) {
  int64_t rows = max_rows, input_bytes = 0;
  size_t scratch_bytes = 0;
  for (const auto& [key, shape] : weights.shapes) {
    if (kernels::IsInt8(key.precision)) input_bytes = std::max<int64_t>(input_bytes, 1);
    if (key.precision == kernels::Precision::kBFloat16) input_bytes = 2;
    runners_.emplace(shape.get(), kernels::LinearRunner(shape));
    rows = std::max(rows, shape->RoundedRows(max_rows));
    scratch_bytes = std::max(scratch_bytes, shape->scratch_bytes());
  }
  const auto floats = [&](int64_t columns) { return Floats(static_cast<size_t>(rows * columns)); };
  hidden_ = floats(config.hidden_size);
  wide_ = floats(std::max(3 * config.hidden_size, config.intermediate_size));
  context_ = floats(config.hidden_size);
  product_ = floats(config.hidden_size);
  first_ = floats(config.hidden_size);
  row_scratch_ = Floats(static_cast<size_t>(config.intermediate_size));
  input_ = kernels::AlignedBuffer<unsigned char>(
      static_cast<size_t>(rows * std::max(config.hidden_size, config.intermediate_size) * input_bytes));
  for (Floats& row_scales : row_scales_) row_scales = floats(1);
  attention_scratch_ =
      Floats(kernels::AttentionScratchFloats(static_cast<size_t>(max_rows), static_cast<size_t>(config.head_size())));
  product_scratch_ = kernels::AlignedBuffer<unsigned char>(scratch_bytes);
}

kernels::NextRows Workspace::InputOf(const Linear& linear, float* floats) {
  if (linear.shape == nullptr || linear.shape->precision() == kernels::Precision::kFloat32) {
    return {.precision = kernels::Precision::kFloat32, .values = floats};
  }
  next_row_scale_ = (next_row_scale_ + 1) % std::size(row_scales_);
  return {linear.shape->precision(), input_.data(), row_scales_[next_row_scale_].data()};
}

std::optional<kernels::ProductRows> Workspace::Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows,
                                                        float* out) {
  if (linear.shape == nullptr) {
    std::fill_n(out, rows * linear.bias.size(), 0.0f);
    return kernels::ProductRows{.values = out, .stride = linear.bias.size()};
  }
  const kernels::LinearShape& shape = *linear.shape;
  kernels::ProductRows product = {.values = out, .stride = static_cast<size_t>(shape.out())};
  if (kernels::IsInt8(shape.precision())) {
    product.row_scale = in.row_scale;
    product.column_scale = linear.weight->column_scale();
    product.column_offset = linear.weight->column_offset();
  }
  kernels::LinearRunner& runner = runners_.find(linear.shape)->second;
  if (!runner.Run(*linear.weight, in.values, static_cast<int64_t>(rows), out, product_scratch_.data())) {
    return std::nullopt;
  }
  return product;
}

std::unique_ptr<Workspace> WorkspacePool::Take() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return nullptr;
  std::unique_ptr<Workspace> workspace = std::move(waiting_.back());
  waiting_.pop_back();
  return workspace;
}

void WorkspacePool::Return(std::unique_ptr<Workspace> workspace) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(workspace));
}

}  // namespace roberta::encoder
