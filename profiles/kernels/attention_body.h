#pragma once

// Attention in terms of vectors.h and of `Dots`, which say how words of a query and of keys, or of weights and values,
// are multiplied and added up. Internal to each translation unit.
#include <algorithm>
#include <cmath>
#include <limits>

#include "profiles/kernels/passes.h"
#include "profiles/kernels/row_body.h"
#include "profiles/kernels/unrolled.h"
#include "profiles/kernels/vectors.h"

namespace roberta::kernels {
namespace {

/// Words that hold one float each.
struct FloatDots {
  static constexpr size_t kValues = 1;  ///< of a word

  /// kValues vectors that follow one another, as one vector of words.
  [[gnu::always_inline]] static Floats Words(const Floats* values) { return values[0]; }
  /// Lane by lane, the words of kValues vectors that lie below one another.
  [[gnu::always_inline]] static Floats WordsOfRows(const Floats* rows) { return rows[0]; }
  [[gnu::always_inline]] static Floats Add(Floats sums, Floats a, Floats b) { return sums + a * b; }
};

/// One head of one sequence, from panels in `scratch` that stay in the nearest caches, filled up with zeros to whole
/// vectors and words: keys transposed [head_size / kValues, length] and values [length / kValues, head_size], in words.
///
/// The bias of the keys is left out: it adds the same to all scores of a query, which softmax does not see.
template <Sums kSums, typename Dots>
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
    seen_ = a_.lengths == nullptr ? length_ : static_cast<size_t>(a_.lengths[sequence]);
    length_stride_ = (length_ + kLanes - 1) / kLanes * kLanes;
    offset_ = head * a_.head_size;
    PackKeys(begin);
    PackValues(begin);
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
  static constexpr size_t kWordLanes = kLanes * Dots::kValues;  ///< values of a vector of words

  void PackKeys(size_t begin) {
    for (size_t j = 0; j < length_stride_; j += kLanes) {
      size_t d = 0;
      for (; d + kWordLanes <= a_.head_size; d += kWordLanes) {
        Floats block[kLanes];
        Unrolled<kLanes>([&](auto i) __attribute__((always_inline)) {
          if (j + i < length_) {
            const ProductRow<kSums> key(a_.key, begin + j + i);
            Floats values[Dots::kValues];
            for (size_t v = 0; v < Dots::kValues; ++v) values[v] = key.LoadAt(offset_ + d + v * kLanes);
            block[i] = Dots::Words(values);
          } else {
            block[i] = Floats{};
          }
        });
        Transpose(block);
        Unrolled<kLanes>([&](auto i) __attribute__((always_inline)) {
          Store(keys_ + (d / Dots::kValues + i) * length_stride_ + j, block[i]);
        });
      }
      // Only float words: other Dots take no head sizes that leave a rest.
      for (; d < a_.head_size; ++d) {
        for (size_t i = 0; i < kLanes; ++i) {
          keys_[d * length_stride_ + j + i] =
              j + i < length_ ? ProductRow<kSums>(a_.key, begin + j + i).At(offset_ + d) : 0;
        }
      }
    }
  }

  Floats ValueAt(size_t row, size_t d) const {
    return ProductRow<kSums>(a_.value, row).LoadAt(offset_ + d) + Load(a_.value_bias + offset_ + d);
  }

  void PackValues(size_t begin) {
    for (size_t j = 0; j < length_; j += Dots::kValues) {
      float* packed = values_ + j / Dots::kValues * size_stride_;
      ForVectors(
          a_.head_size,
          [&](size_t d) {
            Floats rows[Dots::kValues] = {};
            for (size_t v = 0; v < std::min(Dots::kValues, length_ - j); ++v) rows[v] = ValueAt(begin + j + v, d);
            Store(packed + d, Dots::WordsOfRows(rows));
          },
          [&](size_t d, size_t count) {
            const ProductRow<kSums> value(a_.value, begin + j);
            for (size_t k = d; k < d + count; ++k) packed[k] = value.At(offset_ + k) + a_.value_bias[offset_ + k];
          });
      for (size_t d = a_.head_size; d < size_stride_; ++d) packed[d] = 0;
    }
  }

  /// `count` (at most kQueryRows) queries from row `first`; the rows beyond repeat the last, and are not written.
  void RunQueries(size_t first, size_t count, size_t hidden) {
    for (size_t q = 0; q < kQueryRows; ++q) PackQuery(first + std::min(q, count - 1), queries_ + q * size_stride_);
    size_t j = 0;
    for (; j + 4 * kLanes <= length_stride_; j += 4 * kLanes) Scores<4>(j);
    if (j + 2 * kLanes <= length_stride_) {
      Scores<2>(j);
      j += 2 * kLanes;
    }
    if (j < length_stride_) Scores<1>(j);
    float factors[kQueryRows];
    for (size_t q = 0; q < kQueryRows; ++q) factors[q] = Softmax(scores_ + q * length_stride_);
    size_t d = 0;
    for (; d + 4 * kLanes <= size_stride_; d += 4 * kLanes) Context<4>(first, count, hidden, d, factors);
    if (d + 2 * kLanes <= size_stride_) {
      Context<2>(first, count, hidden, d, factors);
      d += 2 * kLanes;
    }
    if (d < size_stride_) Context<1>(first, count, hidden, d, factors);
  }

  void PackQuery(size_t row, float* packed) const {
    const ProductRow<kSums> query(a_.query, row);
    size_t d = 0;
    for (; d + kWordLanes <= a_.head_size; d += kWordLanes) {
      Floats values[Dots::kValues];
      for (size_t v = 0; v < Dots::kValues; ++v) {
        const size_t at = offset_ + d + v * kLanes;
        values[v] = (query.LoadAt(at) + Load(a_.query_bias + at)) * scale_;
      }
      Store(packed + d / Dots::kValues, Dots::Words(values));
    }
    for (; d < a_.head_size; ++d) packed[d] = (query.At(offset_ + d) + a_.query_bias[offset_ + d]) * scale_;
  }

  /// Scores of the block's queries against kWidth vectors of keys from column j.
  template <size_t kWidth>
  void Scores(size_t j) {
    Floats sums[kQueryRows * kWidth];
    Unrolled<kQueryRows * kWidth>([&](auto i) __attribute__((always_inline)) { sums[i] = Floats{}; });
    const float* keys = keys_ + j;
    for (size_t word = 0; word < a_.head_size / Dots::kValues; ++word, keys += length_stride_) {
      AddUp<kWidth>(queries_ + word, size_stride_, keys, sums);
    }
    Unrolled<kQueryRows * kWidth>([&](auto i) __attribute__((always_inline)) {
      Store(scores_ + i / kWidth * length_stride_ + j + i % kWidth * kLanes, sums[i]);
    });
  }

  /// To each query's sums, its word at `words` (a query each `stride`) times kWidth vectors at `panel`.
  template <size_t kWidth>
  [[gnu::always_inline]] static void AddUp(const float* words, size_t stride, const float* panel, Floats* sums) {
    Floats columns[kWidth];
    Unrolled<kWidth>([&](auto w) __attribute__((always_inline)) { columns[w] = Load(panel + w * kLanes); });
    Unrolled<kQueryRows>([&](auto q) __attribute__((always_inline)) {
      const Floats word = AllBits(words + q * stride);
      Unrolled<kWidth>([&](auto w) __attribute__((always_inline)) {
        sums[q * kWidth + w] = Dots::Add(sums[q * kWidth + w], word, columns[w]);
      });
    });
  }

  /// In place, e to the score less the largest one; columns that are not seen and those behind the sequence become 0.
  /// The row is left in words; returns what the context must be multiplied by.
  float Softmax(float* row) const {
    std::fill(row + seen_, row + length_, -std::numeric_limits<float>::max());
    Floats largest = All(row[0]);
    size_t j = 0;
    for (; j + kLanes <= length_; j += kLanes) largest = Max(largest, Load(row + j));
    float most = Largest(largest);
    for (; j < length_; ++j) most = std::max(most, row[j]);
    const float sum = SumInOrder(
        length_,
        [&](size_t i) {
          const Floats power = Exp(Load(row + i) - most);
          Store(row + i, power);
          return power;
        },
        [&](size_t i, size_t count) {
          const Floats power = Exp(Load(row + i) - most);
          Floats kept = {};
          for (size_t k = 0; k < count; ++k) kept[k] = power[k];
          Store(row + i, kept);
          return kept;
        },
        [](Floats& sums, Floats power) { sums += power; });
    if constexpr (Dots::kValues > 1) {
      for (j = 0; j < length_stride_; j += kWordLanes) {
        Floats values[Dots::kValues] = {};
        for (size_t v = 0; v < Dots::kValues && j + v * kLanes < length_stride_; ++v) {
          values[v] = Load(row + j + v * kLanes);
        }
        Store(row + j / Dots::kValues, Dots::Words(values));
      }
    }
    return 1.0f / sum;
  }

  /// kWidth vectors of the context of the block's queries, from element d of the head.
  template <size_t kWidth>
  void Context(size_t first, size_t count, size_t hidden, size_t d, const float* factors) {
    Floats sums[kQueryRows * kWidth];
    Unrolled<kQueryRows * kWidth>([&](auto i) __attribute__((always_inline)) { sums[i] = Floats{}; });
    const float* values = values_ + d;
    const size_t words = (length_ + Dots::kValues - 1) / Dots::kValues;
    for (size_t word = 0; word < words; ++word, values += size_stride_) {
      AddUp<kWidth>(scores_ + word, length_stride_, values, sums);
    }
    Unrolled<kQueryRows * kWidth>([&](auto i) __attribute__((always_inline)) {
      constexpr size_t kQuery = i / kWidth, kVector = i % kWidth;
      if (kQuery >= count) return;
      float* context = a_.context + (first + kQuery) * hidden + offset_;
      const size_t at = d + kVector * kLanes;
      const Floats scaled = sums[i] * factors[kQuery];
      if (at + kLanes <= a_.head_size) {
        Store(context + at, scaled);
      } else if (at < a_.head_size) {
        StoreSome(context + at, scaled, a_.head_size - at);
      }
    });
  }

  const AttentionArguments& a_;
  size_t size_stride_ = 0;
  float *keys_ = nullptr, *values_ = nullptr, *scores_ = nullptr, *queries_ = nullptr;
  float scale_ = 0;
  size_t length_ = 0;
  size_t seen_ = 0;  ///< of them, by the queries
  size_t length_stride_ = 0;
  size_t offset_ = 0;  ///< of the head in a row
};

template <typename Dots>
void Attention(const AttentionArguments& arguments) {
  size_t longest = 0;
  for (size_t s = 0; s < arguments.sequences; ++s) {
    longest = std::max(longest, static_cast<size_t>(arguments.cu_seqlens[s + 1] - arguments.cu_seqlens[s]));
  }
  ForSumsOf(arguments.query, [&](auto sums) {
    Head<sums(), Dots> head(arguments, longest);
    const size_t width = arguments.heads * arguments.head_size, heads = std::max<size_t>(arguments.heads, 1);
    const size_t end_head = std::min(arguments.end_head, arguments.sequences * arguments.heads);
    if (end_head - arguments.first_head < arguments.sequences * arguments.heads) {
      for (size_t i = arguments.first_head; i < end_head; ++i) head.Run(i / heads, i % heads);
      return;
    }
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
