#include "profiles/encoder/workspace.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>

namespace roberta::encoder {

Buffers::Buffers(const BufferShape& shape)
    : position_ids(static_cast<size_t>(shape.rows)), cu_seqlens(static_cast<size_t>(shape.rows) + 1) {
  const auto rows = static_cast<size_t>(shape.rows), of_hidden = static_cast<size_t>(shape.hidden);
  const auto of_intermediate = static_cast<size_t>(shape.intermediate);
  hidden = Floats(rows * of_hidden);
  wide = Floats(rows * std::max(3 * of_hidden, of_intermediate));
  context = Floats(rows * of_hidden);
  product = Floats(rows * of_hidden);
  first = Floats(rows * of_hidden);
  row_scratch = Floats(of_intermediate);
  attention_scratch = Floats(kernels::AttentionScratchFloats(rows, static_cast<size_t>(shape.head_size)));
  for (RowQuantisation& quantisation : row_quantisations) {
    quantisation = {Floats(rows), kernels::AlignedBuffer<int32_t>(rows)};
  }
  input = kernels::AlignedBuffer<uint16_t>(rows * std::max(of_hidden, of_intermediate));
}

std::shared_ptr<Pool<Buffers>> SharedBuffers(const BufferShape& shape) {
  static std::mutex mutex;
  static auto* const pools = new std::map<BufferShape, std::weak_ptr<Pool<Buffers>>>;
  const std::lock_guard lock(mutex);
  std::weak_ptr<Pool<Buffers>>& known = (*pools)[shape];
  std::shared_ptr<Pool<Buffers>> pool = known.lock();
  if (pool == nullptr) known = pool = std::make_shared<Pool<Buffers>>();
  return pool;
}

Workspace::Workspace(const PackedWeights& weights) {
  size_t scratch_bytes = 0;
  for (const auto& [key, shape] : weights.shapes) {
    runners_.emplace(shape.get(), kernels::LinearRunner(shape));
    scratch_bytes = std::max(scratch_bytes, shape->scratch_bytes());
  }
  product_scratch_ = kernels::AlignedBuffer<unsigned char>(scratch_bytes);
}

kernels::NextRows Workspace::InputOf(const Linear& linear, float* floats) {
  if (linear.shape == nullptr || linear.shape->precision() == kernels::Precision::kFloat32) {
    return {.precision = kernels::Precision::kFloat32, .values = floats};
  }
  next_quantisation_ = (next_quantisation_ + 1) % std::size(buffers_->row_quantisations);
  RowQuantisation& quantisation = buffers_->row_quantisations[next_quantisation_];
  return {linear.shape->precision(), buffers_->input.data(), quantisation.scale.data(), quantisation.zero.data(),
          linear.input_factor.empty() ? nullptr : linear.input_factor.data()};
}

std::optional<kernels::ProductRows> Workspace::Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows,
                                                        float* out) {
  if (linear.shape == nullptr) {
    std::fill_n(out, rows * linear.bias.size(), 0.0f);
    return kernels::ProductRows{.values = out, .stride = linear.bias.size()};
  }
  const kernels::LinearShape& shape = *linear.shape;
  kernels::ProductRows product = {.values = out, .stride = static_cast<size_t>(shape.out())};
  if (shape.precision() == kernels::Precision::kInt8) {
    product.row_scale = in.row_scale;
    product.row_zero = in.row_zero;
    product.column_scale = linear.weight->column_scale();
    product.column_sum = linear.weight->column_sum();
  }
  kernels::LinearRunner& runner = runners_.find(linear.shape)->second;
  if (!runner.Run(*linear.weight, in.values, static_cast<int64_t>(rows), out, product_scratch_.data())) {
    return std::nullopt;
  }
  return product;
}

}  // namespace roberta::encoder
