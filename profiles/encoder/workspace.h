#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "profiles/checkpoint/config.h"
#include "profiles/encoder/packed_weights.h"
#include "profiles/encoder/part_times.h"
#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/linear.h"
#include "profiles/kernels/passes.h"

namespace roberta::encoder {

/// All memory that one thread needs to run pieces of up to `max_rows` tokens: nothing is allocated while it runs.
class Workspace {
 public:
  Workspace(const PackedWeights& weights, const checkpoint::ModelConfig& config, int64_t max_rows);

  /// Where the pass before `linear` leaves its rows: float32 in `floats`, others in a buffer of their own that the next
  /// call uses again. Row scales stand until the third call from now.
  kernels::NextRows InputOf(const Linear& linear, float* floats);

  /// in W^T for `rows` rows, as the next pass reads it, in the memory `out`. nullopt if the matrix library failed.
  std::optional<kernels::ProductRows> Multiply(const Linear& linear, const kernels::NextRows& in, size_t rows,
                                               float* out);

  PartClock clock;  ///< of the run under way

  float* hidden() { return hidden_.data(); }            ///< [rows, hidden]: the residual stream
  float* wide() { return wide_.data(); }                ///< [rows, max(3 hidden, intermediate)]
  float* context() { return context_.data(); }          ///< [rows, hidden]
  float* product() { return product_.data(); }          ///< [rows, hidden]
  float* first() { return first_.data(); }              ///< [rows, hidden]: first tokens of the last layer
  float* row_scratch() { return row_scratch_.data(); }  ///< [intermediate]
  float* attention_scratch() { return attention_scratch_.data(); }
  int32_t* position_ids() { return position_ids_.data(); }  ///< [rows]
  int32_t* cu_seqlens() { return cu_seqlens_.data(); }      ///< [rows + 1]

 private:
  using Floats = kernels::AlignedBuffer<float>;

  std::map<const kernels::LinearShape*, kernels::LinearRunner> runners_;
  Floats hidden_, wide_, context_, product_, first_, row_scratch_, attention_scratch_;
  kernels::AlignedBuffer<unsigned char> input_;  ///< [rows, max(hidden, intermediate)] of the widest precision here
  Floats row_scales_[3];                         ///< [rows], for attention's two products and what it leaves
  size_t next_row_scale_ = 0;
  kernels::AlignedBuffer<unsigned char> product_scratch_;
  std::vector<int32_t> position_ids_, cu_seqlens_;
};

/// Workspaces that wait for their next batch. Any thread may call.
class WorkspacePool {
 public:
  std::unique_ptr<Workspace> Take();  ///< nullptr if none waits
  void Return(std::unique_ptr<Workspace> workspace);

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> waiting_;  // guarded by mutex_
};

}  // namespace roberta::encoder
