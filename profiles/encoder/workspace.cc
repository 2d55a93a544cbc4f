#include "profiles/encoder/workspace.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "profiles/kernels/flush_denormals.h"

namespace roberta::encoder {
namespace {

/// Memory of the calling thread, aligned to 64 bytes, for what a pass or attention needs beside the rows; it stays with
/// the thread. nullptr if memory is short. Enough of it is ScratchFloats.
float* ThreadScratch(size_t floats) {
  static thread_local kernels::AlignedBuffer<float> scratch;
  if (scratch.size() < floats) {
    try {
      scratch = kernels::AlignedBuffer<float>(floats);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  return scratch.data();
}

}  // namespace

int64_t BufferShape::Bytes() const {
  const int64_t floats = 4 * hidden + std::max(3 * hidden, intermediate);
  return rows * (floats * static_cast<int64_t>(sizeof(float)) +
                 std::max(hidden, intermediate) * static_cast<int64_t>(sizeof(uint16_t)));
}

Buffers::Buffers(const BufferShape& shape)
    : token_ids(static_cast<size_t>(shape.rows)),
      position_ids(static_cast<size_t>(shape.rows)),
      cu_seqlens(static_cast<size_t>(shape.rows) + 1),
      lengths(static_cast<size_t>(shape.rows)) {
  const auto rows = static_cast<size_t>(shape.rows), of_hidden = static_cast<size_t>(shape.hidden);
  const auto of_intermediate = static_cast<size_t>(shape.intermediate);
  hidden = Floats(rows * of_hidden);
  wide = Floats(rows * std::max(3 * of_hidden, of_intermediate));
  context = Floats(rows * of_hidden);
  product = Floats(rows * of_hidden);
  first = Floats(rows * of_hidden);
  for (RowQuantization& quantization : row_quantizations) {
    quantization = {Floats(rows), kernels::AlignedBuffer<int32_t>(rows)};
  }
  input = kernels::AlignedBuffer<uint16_t>(rows * std::max(of_hidden, of_intermediate));
}

size_t ScratchFloats(const BufferShape& shape) {
  return std::max(
      static_cast<size_t>(shape.intermediate),
      kernels::AttentionScratchFloats(static_cast<size_t>(shape.rows), static_cast<size_t>(shape.head_size)));
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

void Workspace::Use(Buffers* buffers, team::Team* team) {
  buffers_ = buffers;
  team_ = team;
  product_failed_.store(false, std::memory_order_relaxed);
  memory_short_.store(false, std::memory_order_relaxed);
}

absl::Status Workspace::status() const {
  if (memory_short_.load(std::memory_order_relaxed)) return absl::ResourceExhaustedError("no memory for a workspace");
  if (product_failed_.load(std::memory_order_relaxed)) return absl::InternalError("oneDNN: a matrix product failed");
  return absl::OkStatus();
}

void Workspace::Share(size_t pieces, size_t scratch_floats,
                      absl::FunctionRef<void(size_t begin, size_t end, float* scratch)> work) {
  const auto compute = [&](size_t begin, size_t end) {
    const kernels::FlushDenormals flush_denormals;
    float* const scratch = ThreadScratch(scratch_floats);
    if (scratch == nullptr && scratch_floats > 0) {
      memory_short_.store(true, std::memory_order_relaxed);
      return;
    }
    work(begin, end, scratch);
  };
  if (team_ != nullptr && pieces <= team::Team::kMostPieces) {
    team_->Share(pieces, compute);
  } else {
    compute(0, pieces);
  }
}

kernels::NextRows Workspace::InputOf(const Linear& linear, float* floats) {
  if (linear.shape == nullptr || kernels::HasFloatRows(linear.shape->precision())) {
    return {.precision = kernels::Precision::kFloat32, .values = floats};
  }
  next_quantization_ = (next_quantization_ + 1) % std::size(buffers_->row_quantizations);
  RowQuantization& quantization = buffers_->row_quantizations[next_quantization_];
  return {linear.shape->precision(),
          buffers_->input.data(),
          quantization.scale.data(),
          quantization.zero.data(),
          linear.input_factor.empty() ? nullptr : linear.input_factor.data(),
          linear.shape->reads_wide_bytes()};
}

kernels::ProductRows Workspace::Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows, float* out) {
  if (linear.shape == nullptr) {
    std::fill_n(out, rows * linear.bias.size(), 0.0f);
    return {.values = out, .stride = linear.bias.size()};
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
  Share(shape.parts(), 0, [&](size_t begin, size_t end, float* /*scratch*/) {
    kernels::ComputeOnCallingThreadOnly();
    if (!runner.RunParts(*linear.weight, in.values, static_cast<int64_t>(rows), out, product_scratch_.data(), begin,
                         end)) {
      product_failed_.store(true, std::memory_order_relaxed);
    }
  });
  return product;
}

}  // namespace roberta::encoder
