#include "profiles/encoder/workspace.h"

#include <algorithm>

namespace roberta::encoder {

Workspace::Workspace(const PackedWeights& weights, const checkpoint::ModelConfig& config, int64_t max_rows,
                     const kernels::Passes& passes)
    : passes_(passes), position_ids_(static_cast<size_t>(max_rows)), cu_seqlens_(static_cast<size_t>(max_rows) + 1) {
  int64_t rows = max_rows;
  size_t scratch_bytes = 0;
  bool has_bytes = false;
  for (const auto& [key, shape] : weights.shapes) {
    has_bytes = has_bytes || key.precision == kernels::Precision::kInt8;
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
  if (has_bytes) {
    bytes_ = kernels::AlignedBuffer<int8_t>(
        static_cast<size_t>(rows * std::max(config.hidden_size, config.intermediate_size)));
    for (Floats& row_scales : row_scales_) row_scales = Floats(static_cast<size_t>(rows));
  }
  attention_scratch_ =
      Floats(kernels::AttentionScratchFloats(static_cast<size_t>(max_rows), static_cast<size_t>(config.head_size())));
  product_scratch_ = kernels::AlignedBuffer<unsigned char>(scratch_bytes);
}

std::optional<kernels::ProductRows> Workspace::Multiply(const Linear& linear, const float* in, size_t rows,
                                                        float* out) {
  const kernels::LinearShape& shape = *linear.shape;
  kernels::ProductRows product = {.values = out, .stride = static_cast<size_t>(shape.out())};
  const void* factor = in;
  if (shape.precision() == kernels::Precision::kInt8) {
    float* row_scale = row_scales_[next_row_scale_].data();
    next_row_scale_ = 1 - next_row_scale_;
    passes_.quantise_rows(in, bytes_.data(), row_scale, rows, static_cast<size_t>(shape.in()));
    factor = bytes_.data();
    product.row_scale = row_scale;
    product.column_scale = linear.weight->column_scale();
  }
  kernels::LinearRunner& runner = runners_.find(linear.shape)->second;
  if (!runner.Run(*linear.weight, factor, static_cast<int64_t>(rows), out, product_scratch_.data()))
    return std::nullopt;
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
