// Attention on the packed layout against the formula in double precision.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "profiles/kernels/aligned_buffer.h"
#include "profiles/kernels/passes.h"
#include "tests/profiles/kernels/random_floats.h"

namespace roberta::kernels {
namespace {

using Vector = std::vector<float>;

struct Shape {
  size_t heads, head_size;
  std::vector<int32_t> lengths;
};

/// Queries, keys and values of some sequences, packed as an encoder layer packs them.
struct Problem {
  explicit Problem(Shape of) : shape(std::move(of)), hidden(shape.heads * shape.head_size) {
    for (const int32_t length : shape.lengths) cu_seqlens.push_back(cu_seqlens.back() + length);
    rows = static_cast<size_t>(cu_seqlens.back());
    query_key_value = RandomFloats(rows * 3 * hidden, 1);
    bias = RandomFloats(3 * hidden, 2);
  }

  AttentionArguments Arguments() {
    size_t longest = 0;
    for (const int32_t length : shape.lengths) longest = std::max(longest, static_cast<size_t>(length));
    scratch = AlignedBuffer<float>(AttentionScratchFloats(longest, shape.head_size));
    context.assign(rows * hidden, std::numeric_limits<float>::quiet_NaN());
    const ProductRows product = {.values = query_key_value.data(), .stride = 3 * hidden};
    return {.query = product,
            .key = product.Columns(hidden),
            .value = product.Columns(2 * hidden),
            .query_bias = bias.data(),
            .key_bias = bias.data() + hidden,
            .value_bias = bias.data() + 2 * hidden,
            .cu_seqlens = cu_seqlens.data(),
            .sequences = shape.lengths.size(),
            .heads = shape.heads,
            .head_size = shape.head_size,
            .context = context.data(),
            .scratch = scratch.data()};
  }

  /// Query, key or value (`which` 0, 1, 2) of a row, with its bias.
  double At(size_t which, size_t row, size_t column) const {
    return static_cast<double>(query_key_value[row * 3 * hidden + which * hidden + column]) +
           static_cast<double>(bias[which * hidden + column]);
  }

  std::vector<double> Expected(size_t sequence, size_t row, size_t head) const {
    const auto begin = static_cast<size_t>(cu_seqlens[sequence]), end = static_cast<size_t>(cu_seqlens[sequence + 1]);
    std::vector<double> weights;
    double sum = 0;
    for (size_t j = begin; j < end; ++j) {
      double score = 0;
      for (size_t d = 0; d < shape.head_size; ++d) {
        score += At(0, row, head * shape.head_size + d) * At(1, j, head * shape.head_size + d);
      }
      weights.push_back(std::exp(score / std::sqrt(static_cast<double>(shape.head_size))));
      sum += weights.back();
    }
    std::vector<double> expected(shape.head_size, 0);
    for (size_t j = begin; j < end; ++j) {
      for (size_t d = 0; d < shape.head_size; ++d) {
        expected[d] += weights[j - begin] / sum * At(2, j, head * shape.head_size + d);
      }
    }
    return expected;
  }

  const Shape shape;
  const size_t hidden;
  std::vector<int32_t> cu_seqlens = {0};
  size_t rows = 0;
  Vector query_key_value, bias, context;
  AlignedBuffer<float> scratch;
};

class AttentionOf : public testing::TestWithParam<Isa> {
 protected:
  const Passes& passes_ = PassesFor(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Isas, AttentionOf, testing::ValuesIn(PassIsas()),
                         [](const auto& one) { return std::string(IsaName(one.param)); });

const Shape kShapes[] = {{1, 1, {1}},           {2, 32, {1, 2, 3, 4, 5, 15, 16, 17, 33}},
                         {3, 64, {24, 1, 130}}, {2, 20, {7, 31, 64}},
                         {4, 16, {63, 65}},     {1, 128, {40, 9}}};

/// Runs `attention` on `shape` and holds every element against the formula.
void ExpectTheFormula(AttentionPass attention, const Shape& shape, double tolerance) {
  Problem problem(shape);
  attention(problem.Arguments());
  for (size_t s = 0; s < shape.lengths.size(); ++s) {
    for (auto row = static_cast<size_t>(problem.cu_seqlens[s]); row < static_cast<size_t>(problem.cu_seqlens[s + 1]);
         ++row) {
      for (size_t h = 0; h < shape.heads; ++h) {
        const std::vector<double> expected = problem.Expected(s, row, h);
        for (size_t d = 0; d < shape.head_size; ++d) {
          ASSERT_NEAR(problem.context[row * problem.hidden + h * shape.head_size + d], expected[d], tolerance)
              << shape.head_size << " in a sequence of " << shape.lengths[s];
        }
      }
    }
  }
}

void ExpectNeighborsChangeNotABit(AttentionPass attention) {
  Problem together({2, 32, {5, 40, 11}});
  attention(together.Arguments());
  Problem alone({2, 32, {11}});
  const size_t begin = 45;
  std::copy_n(together.query_key_value.begin() + begin * 3 * 64, alone.query_key_value.size(),
              alone.query_key_value.begin());
  alone.bias = together.bias;
  attention(alone.Arguments());
  for (size_t i = 0; i < alone.context.size(); ++i) EXPECT_EQ(alone.context[i], together.context[begin * 64 + i]);
}

/// The first rows of sequences of which no more is seen are those of sequences that end there.
void ExpectUnseenKeysChangeNotABit(AttentionPass attention, size_t head_size) {
  const std::vector<int32_t> seen = {1, 7, 16, 17, 40, 50};
  constexpr int32_t kLength = 50;
  Problem padded({2, head_size, std::vector<int32_t>(seen.size(), kLength)});
  AttentionArguments arguments = padded.Arguments();
  arguments.lengths = seen.data();
  attention(arguments);
  for (size_t s = 0; s < seen.size(); ++s) {
    Problem alone({2, head_size, {seen[s]}});
    const size_t begin = s * kLength;
    std::copy_n(padded.query_key_value.begin() + static_cast<ptrdiff_t>(begin * 3 * padded.hidden),
                alone.query_key_value.size(), alone.query_key_value.begin());
    alone.bias = padded.bias;
    attention(alone.Arguments());
    for (size_t i = 0; i < alone.context.size(); ++i) {
      ASSERT_EQ(padded.context[begin * padded.hidden + i], alone.context[i]) << seen[s] << " seen, " << i;
    }
  }
}

/// As threads share them: a few heads at a time, over the ends of sequences.
void ExpectHeadsByThemselvesChangeNotABit(AttentionPass attention, size_t head_size) {
  Problem problem({3, head_size, {1, 17, 40}});
  attention(problem.Arguments());
  const Vector together = problem.context;
  AttentionArguments arguments = problem.Arguments();
  for (const auto& [first, end] : {std::pair<size_t, size_t>{7, 9}, {0, 2}, {2, 7}}) {
    arguments.first_head = first;
    arguments.end_head = end;
    attention(arguments);
  }
  EXPECT_EQ(problem.context, together);
}

TEST_P(AttentionOf, HeadsByThemselvesChangeNotABit) {
  for (const size_t head_size : {20, 32, 64}) ExpectHeadsByThemselvesChangeNotABit(passes_.attention, head_size);
}

TEST(MixedAttention, HeadsByThemselvesChangeNotABit) {
  const AttentionPass mixed = MixedAttentionFor(64);
  if (mixed == nullptr) GTEST_SKIP() << "not measured: this host has no bfloat16 products";
  ExpectHeadsByThemselvesChangeNotABit(mixed, 64);
}

TEST_P(AttentionOf, EqualsTheFormula) {
  for (const Shape& shape : kShapes) ExpectTheFormula(passes_.attention, shape, 2e-5);
}

TEST(MixedAttention, EqualsTheFormulaAsFarAsBFloat16Goes) {
  for (const Shape& shape : kShapes) {
    const AttentionPass mixed = MixedAttentionFor(shape.head_size);
    if (mixed == nullptr) continue;
    ExpectTheFormula(mixed, shape, 3e-2);
  }
  if (MixedAttentionFor(64) == nullptr) GTEST_SKIP() << "not measured: this host has no bfloat16 products";
}

TEST(MixedAttention, NeighborsChangeNotABit) {
  const AttentionPass mixed = MixedAttentionFor(32);
  if (mixed == nullptr) GTEST_SKIP() << "not measured: this host has no bfloat16 products";
  ExpectNeighborsChangeNotABit(mixed);
}

TEST(MixedAttention, IsForHeadsOfWholeVectorsOnly) {
  EXPECT_EQ(MixedAttentionFor(20), nullptr);
  EXPECT_EQ(FastestMixedAttention(20), PassesFor(FastestIsa()).attention);
}

TEST_P(AttentionOf, FirstTokensOnlyAreTheSameAsAmongAll) {
  for (const Shape& shape : kShapes) {
    Problem problem(shape);
    passes_.attention(problem.Arguments());
    const Vector all = problem.context;
    AttentionArguments arguments = problem.Arguments();
    Vector first_queries;
    for (size_t s = 0; s < shape.lengths.size(); ++s) {
      const float* row =
          problem.query_key_value.data() + static_cast<size_t>(problem.cu_seqlens[s]) * 3 * problem.hidden;
      first_queries.insert(first_queries.end(), row, row + problem.hidden);
    }
    arguments.query = {.values = first_queries.data(), .stride = problem.hidden};
    arguments.first_tokens_only = true;
    passes_.attention(arguments);
    for (size_t s = 0; s < shape.lengths.size(); ++s) {
      for (size_t i = 0; i < problem.hidden; ++i) {
        EXPECT_EQ(problem.context[s * problem.hidden + i],
                  all[static_cast<size_t>(problem.cu_seqlens[s]) * problem.hidden + i]);
      }
    }
  }
}

TEST_P(AttentionOf, NeighborsChangeNotABit) {
  ExpectNeighborsChangeNotABit(passes_.attention);
}

TEST_P(AttentionOf, KeysThatAreNotSeenChangeNotABit) {
  ExpectUnseenKeysChangeNotABit(passes_.attention, 20);
}

TEST(MixedAttention, KeysThatAreNotSeenChangeNotABit) {
  const AttentionPass mixed = MixedAttentionFor(32);
  if (mixed == nullptr) GTEST_SKIP() << "not measured: this host has no bfloat16 products";
  ExpectUnseenKeysChangeNotABit(mixed, 32);
}

TEST_P(AttentionOf, LargeScoresDoNotOverflow) {
  Problem problem({1, 32, {9}});
  for (float& x : problem.query_key_value) x *= 100;
  passes_.attention(problem.Arguments());
  for (const float x : problem.context) EXPECT_TRUE(std::isfinite(x));
}

TEST_P(AttentionOf, WhatIsNotANumberStaysVisibleInItsSequence) {
  for (const size_t which : {size_t{0}, size_t{1}, size_t{2}}) {
    Problem problem({1, 32, {6, 6}});
    problem.query_key_value[2 * 3 * 32 + which * 32] = std::numeric_limits<float>::quiet_NaN();
    passes_.attention(problem.Arguments());
    bool seen = false;
    for (size_t i = 0; i < 6 * 32; ++i) seen = seen || std::isnan(problem.context[i]);
    EXPECT_TRUE(seen) << which;
    for (size_t i = 6 * 32; i < problem.context.size(); ++i) EXPECT_TRUE(std::isfinite(problem.context[i]));
  }
}

}  // namespace
}  // namespace roberta::kernels
