#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/profile.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"
#include "profiles/team/team.h"

namespace roberta::encoder {

/// The sizes that a Buffers has room for.
struct BufferShape {
  int64_t rows, hidden, intermediate, head_size;
  friend auto operator<=>(const BufferShape&, const BufferShape&) = default;
  int64_t Bytes() const;  ///< of the rows of a Buffers
};

/// Scales and zero points of rows of bytes, [rows] each.
struct RowQuantization {
  kernels::AlignedBuffer<float> scale;
  kernels::AlignedBuffer<int32_t> zero;
};

/// The rows that one thread works on, for any profile that it runs: 10 to 20 KiB a row for roberta-base.
struct Buffers {
  using Floats = kernels::AlignedBuffer<float>;
  explicit Buffers(const BufferShape& shape);

  Floats hidden;                           ///< [rows, hidden]: the residual stream
  Floats wide;                             ///< [rows, max(3 hidden, intermediate)]
  Floats context;                          ///< [rows, hidden]
  Floats product;                          ///< [rows, hidden]
  Floats first;                            ///< [rows, hidden]: first tokens of the last layer
  RowQuantization row_quantizations[3];    ///< for attention's two products and what it leaves
  kernels::AlignedBuffer<uint16_t> input;  ///< [rows, max(hidden, intermediate)] of bfloat16 or bytes
  std::vector<int32_t> token_ids;          ///< [rows]
  std::vector<int32_t> position_ids;       ///< [rows]
  std::vector<int32_t> cu_seqlens;         ///< [rows + 1], pads included
  std::vector<int32_t> lengths;            ///< [rows], pads not included
};

/// For a row of the intermediate layer, or heads of head_size in a sequence of `rows` tokens.
size_t ScratchFloats(const BufferShape& shape);

/// Things that are reused from batch to batch. Any thread may call.
template <typename Thing>
class Pool {
 public:
  /// nullptr if there is none left.
  std::unique_ptr<Thing> Take() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return nullptr;
    std::unique_ptr<Thing> thing = std::move(waiting_.back());
    waiting_.pop_back();
    return thing;
  }
  void Return(std::unique_ptr<Thing> thing) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(thing));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Thing>> waiting_;  // guarded by mutex_
};

/// The pool of all profiles of one shape in this process: a thread needs one Buffers, however many profiles it runs. It
/// lives as long as something holds it.
std::shared_ptr<Pool<Buffers>> SharedBuffers(const BufferShape& shape);

/// What a run needs, beside Buffers, for pieces of up to `max_rows` tokens with the products of one profile:
/// nothing is allocated while it runs.
class Workspace {
 public:
  explicit Workspace(const PackedWeights& weights);

  /// Before a run: its buffers, and the threads that compute it; nullptr: the calling thread alone.
  void Use(Buffers* buffers, team::Team* team);

  /// Has the pieces of a step computed, see team::Team. `work` is given the scratch of its thread as well, of
  /// `scratch_floats`; where there is no memory for that the run has failed. Helpers compute with the same settings of
  /// the floating-point unit as the thread that runs the batch.
  void Share(size_t pieces, size_t scratch_floats,
             absl::FunctionRef<void(size_t begin, size_t end, float* scratch)> work);
  /// What went wrong in a step since Use.
  absl::Status status() const;

  /// Where the pass before `linear` leaves its rows: float32 in `floats`, others in a buffer of their own that the next
  /// call uses again. Row scales and zero points stand until the third call from now.
  kernels::NextRows InputOf(const Linear& linear, float* floats);

  /// in W^T for `rows` rows, as the next pass reads it, in the memory `out`. If the matrix library fails, so has the
  /// run.
  kernels::ProductRows Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows, float* out);

  PartClock clock;                ///< of the current run
  InputRanges* ranges = nullptr;  ///< that the current run widens; nullptr: none

  float* hidden() { return buffers_->hidden.data(); }
  float* wide() { return buffers_->wide.data(); }
  float* context() { return buffers_->context.data(); }
  float* product() { return buffers_->product.data(); }
  float* first() { return buffers_->first.data(); }
  int32_t* token_ids() { return buffers_->token_ids.data(); }
  int32_t* position_ids() { return buffers_->position_ids.data(); }
  int32_t* cu_seqlens() { return buffers_->cu_seqlens.data(); }
  int32_t* lengths() { return buffers_->lengths.data(); }

 private:
  std::map<const kernels::LinearShape*, kernels::LinearRunner> runners_;
  kernels::AlignedBuffer<unsigned char> product_scratch_;
  Buffers* buffers_ = nullptr;  ///< not owned, as the team
  team::Team* team_ = nullptr;
  std::atomic<bool> product_failed_{false}, memory_short_{false};
  size_t next_quantization_ = 0;
};

}  // namespace roberta::encoder
