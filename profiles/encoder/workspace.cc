#include "profiles/encoder/workspace.h"

#include <algorithm>

#include "profiles/kernels/passes.h"

namespace roberta::encoder {

Workspace::Workspace(const PackedWeights& weights, const checkpoint::ModelConfig& config, int64_t max_rows)
    : position_ids_(static_cast<size_t>(max_rows)), cu_seqlens_(static_cast<size_t>(max_rows) + 1) {
  int64_t rows = max_rows;
  size_t scratch_bytes = 0;
  for (const auto& [columns, shape] : weights.shapes) {
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
  attention_scratch_ =
      Floats(kernels::AttentionScratchFloats(static_cast<size_t>(max_rows), static_cast<size_t>(config.head_size())));
  product_scratch_ = kernels::AlignedBuffer<unsigned char>(scratch_bytes);
}

bool Workspace::Multiply(const Linear& linear, const float* in, size_t rows, float* out) {
  return runners_.find(linear.shape)
      ->second.Run(*linear.weight, in, static_cast<int64_t>(rows), out, product_scratch_.data());
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
