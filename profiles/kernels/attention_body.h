#pragma once

// Attention in terms of vectors.h, compiled once for each instruction set as part of passes_body.h.
#include <algorithm>
#include <cmath>

#include "profiles/kernels/next_row.h"
#include "profiles/kernels/passes.h"
#include "profiles/kernels/passes_of_isa.h"
#include "profiles/kernels/product_row.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

/// One head of one sequence, from panels in `scratch` that stay in the nearest caches: keys transposed [head_size,
/// length], values [length, head_size], both with their bias and filled up with zeros to whole vectors.
template <Sums kSums>
class Head {
 public:
  Head(const AttentionArguments& arguments, size_t longest) : a_(arguments) {
    const size_t padded = (longest + kLongestVector - 1) / kLongestVector * kLongestVector;
    size_stride_ = (a_.head_size + kLanes - 1) / kLanes * kLanes;
    keys_ = a_.scratch;
    values_ = keys_ + padded * (a_.head_size + kLongestVector);
    scores_ = values_ + padded * (a_.head_size + kLongestVector);
    queries_ = scores_ + kQueryRows * (padded + kLongestVector);
    scale_ = 1.0f / std::sqrt(static_cast<float>(a_.head_size));
  }

  void Run(size_t sequence, size_t head) {
    const auto begin = static_cast<size_t>(a_.cu_seqlens[sequence]);
    length_ = static_cast<size_t>(a_.cu_seqlens[sequence + 1]) - begin;
    length_stride_ = (length_ + kLanes - 1) / kLanes * kLanes;
    offset_ = head * a_.head_size;
    PackKeysAndValues(begin);
    const size_t hidden = a_.heads * a_.head_size;
    if (a_.first_tokens_only) {
      RunQueries(sequence, 1, hidden);
      return;
    }
    for (size_t row = 0; row < length_; row += kQueryRows) {
      RunQueries(begin + row, std::min(kQueryRows, length_ - row), hidden);
    }
  }

 private:
  void PackKeysAndValues(size_t begin) {
    for (size_t j = 0; j < length_stride_; ++j) {
      float* packed_value = values_ + j * size_stride_;
      if (j >= length_) {
        for (size_t d = 0; d < a_.head_size; ++d) keys_[d * length_stride_ + j] = 0;
        continue;
      }
      const ProductRow<kSums> key(a_.key, begin + j), value(a_.value, begin + j);
      ForVectors(
          a_.head_size,
          [&](size_t d) {
            const Floats x = key.LoadAt(offset_ + d) + Load(a_.key_bias + offset_ + d);
            for (size_t k = 0; k < kLanes; ++k) keys_[(d + k) * length_stride_ + j] = x[k];
            Store(packed_value + d, value.LoadAt(offset_ + d) + Load(a_.value_bias + offset_ + d));
          },
          [&](size_t d, size_t count) {
            for (size_t k = d; k < d + count; ++k) {
              keys_[k * length_stride_ + j] = key.At(offset_ + k) + a_.key_bias[offset_ + k];
              packed_value[k] = value.At(offset_ + k) + a_.value_bias[offset_ + k];
            }
          });
      for (size_t d = a_.head_size; d < size_stride_; ++d) packed_value[d] = 0;
    }
  }

  /// `count` (at most kQueryRows) queries from row `first`; the rows beyond repeat the last, and are not written.
  void RunQueries(size_t first, size_t count, size_t hidden) {
    for (size_t q = 0; q < kQueryRows; ++q) {
      const ProductRow<kSums> query(a_.query, first + std::min(q, count - 1));
      float* packed = queries_ + q * size_stride_;
      ForVectors(
          a_.head_size,
          [&](size_t d) {
            Store(packed + d, (query.LoadAt(offset_ + d) + Load(a_.query_bias + offset_ + d)) * scale_);
          },
          [&](size_t d, size_t size) {
            for (size_t k = d; k < d + size; ++k) {
              packed[k] = (query.At(offset_ + k) + a_.query_bias[offset_ + k]) * scale_;
            }
          });
    }
    size_t j = 0;
    for (; j + 4 * kLanes <= length_stride_; j += 4 * kLanes) Scores<4>(j);
    if (j + 2 * kLanes <= length_stride_) {
      Scores<2>(j);
      j += 2 * kLanes;
    }
    if (j < length_stride_) Scores<1>(j);
    for (size_t q = 0; q < count; ++q) Softmax(scores_ + q * length_stride_);
    size_t d = 0;
    for (; d + 4 * kLanes <= size_stride_; d += 4 * kLanes) Context<4>(first, count, hidden, d);
    if (d + 2 * kLanes <= size_stride_) {
      Context<2>(first, count, hidden, d);
      d += 2 * kLanes;
    }
    if (d < size_stride_) Context<1>(first, count, hidden, d);
  }

  /// Scores of the block's queries against kWidth vectors of keys from column j.
  template <size_t kWidth>
  void Scores(size_t j) {
    Floats sums[kQueryRows][kWidth] = {};
    for (size_t d = 0; d < a_.head_size; ++d) {
      Floats keys[kWidth];
      for (size_t w = 0; w < kWidth; ++w) keys[w] = Load(keys_ + d * length_stride_ + j + w * kLanes);
      for (size_t q = 0; q < kQueryRows; ++q) {
        const Floats query = All(queries_[q * size_stride_ + d]);
        for (size_t w = 0; w < kWidth; ++w) sums[q][w] += query * keys[w];
      }
    }
    for (size_t q = 0; q < kQueryRows; ++q) {
      for (size_t w = 0; w < kWidth; ++w) Store(scores_ + q * length_stride_ + j + w * kLanes, sums[q][w]);
    }
  }

  /// In place; the columns behind the sequence become 0.
  void Softmax(float* row) const {
    Floats largest = All(row[0]);
    size_t j = 0;
    for (; j + kLanes <= length_; j += kLanes) largest = Max(largest, Load(row + j));
    float most = Largest(largest);
    for (; j < length_; ++j) most = std::max(most, row[j]);
    Floats sums = {};
    for (j = 0; j + kLanes <= length_; j += kLanes) {
      const Floats power = Exp(Load(row + j) - most);
      sums += power;
      Store(row + j, power);
    }
    if (j < length_) {
      const Floats power = Exp(Load(row + j) - most);
      Floats kept = {};
      for (size_t i = 0; i < length_ - j; ++i) kept[i] = power[i];
      sums += kept;
      Store(row + j, kept);
    }
    const Floats factor = All(1.0f / Sum(sums));
    for (j = 0; j < length_stride_; j += kLanes) Store(row + j, Load(row + j) * factor);
  }

  /// kWidth vectors of the context of the block's queries, from element d of the head.
  template <size_t kWidth>
  void Context(size_t first, size_t count, size_t hidden, size_t d) {
    Floats sums[kQueryRows][kWidth] = {};
    for (size_t j = 0; j < length_; ++j) {
      Floats values[kWidth];
      for (size_t w = 0; w < kWidth; ++w) values[w] = Load(values_ + j * size_stride_ + d + w * kLanes);
      for (size_t q = 0; q < kQueryRows; ++q) {
        const Floats weight = All(scores_[q * length_stride_ + j]);
        for (size_t w = 0; w < kWidth; ++w) sums[q][w] += weight * values[w];
      }
    }
    for (size_t q = 0; q < count; ++q) {
      float* context = a_.context + (first + q) * hidden + offset_;
      for (size_t w = 0; w < kWidth; ++w) {
        const size_t at = d + w * kLanes;
        if (at + kLanes <= a_.head_size) {
          Store(context + at, sums[q][w]);
        } else if (at < a_.head_size) {
          StoreSome(context + at, sums[q][w], a_.head_size - at);
        }
      }
    }
  }

  const AttentionArguments& a_;
  size_t size_stride_ = 0;
  float *keys_ = nullptr, *values_ = nullptr, *scores_ = nullptr, *queries_ = nullptr;
  float scale_ = 0;
  size_t length_ = 0;
  size_t length_stride_ = 0;
  size_t offset_ = 0;  ///< of the head in a row
};

void Attention(const AttentionArguments& arguments) {
  size_t longest = 0;
  for (size_t s = 0; s < arguments.sequences; ++s) {
    longest = std::max(longest, static_cast<size_t>(arguments.cu_seqlens[s + 1] - arguments.cu_seqlens[s]));
  }
  ForSumsOf(arguments.query, [&](auto sums) {
    Head<sums()> head(arguments, longest);
    const size_t width = arguments.heads * arguments.head_size;
    for (size_t s = 0; s < arguments.sequences; ++s) {
      for (size_t h = 0; h < arguments.heads; ++h) head.Run(s, h);
      const auto begin = static_cast<size_t>(arguments.cu_seqlens[s]);
      const auto end = static_cast<size_t>(arguments.cu_seqlens[s + 1]);
      const size_t first = arguments.first_tokens_only ? s : begin;
      const size_t count = arguments.first_tokens_only ? 1 : end - begin;
      for (size_t r = first; r < first + count; ++r) {
        LeaveRow(arguments.context + r * width, arguments.next, r, width);
      }
    }
  });
}

}  // namespace
}  // namespace roberta::kernels
