#pragma once

// Vectors of ROBERTA_LANES floats, which a file that includes this has defined. GCC's vector extensions, which clang
// shares, serve as the type: the same source is AVX-512, AVX2 or plain code. Internal to each translation unit.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "profiles/kernels/unrolled.h"

namespace roberta::kernels {
namespace {

constexpr size_t kLanes = ROBERTA_LANES;
constexpr size_t kVectorBytes = kLanes * sizeof(float);

using Floats = float __attribute__((vector_size(kVectorBytes)));
using Ints = int32_t __attribute__((vector_size(kVectorBytes)));
using Bytes = int8_t __attribute__((vector_size(kLanes)));
using UnalignedInts = int32_t __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
using UnalignedBytes = int8_t __attribute__((vector_size(kLanes), aligned(1), may_alias));
using UnalignedFloats = float __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));

inline Floats Load(const float* from) {
  return *reinterpret_cast<const UnalignedFloats*>(from);
}
inline void Store(float* to, Floats value) {
  *reinterpret_cast<UnalignedFloats*>(to) = value;
}
inline Floats All(float value) {
  return Floats{} + value;
}
/// The word at `from`, whatever it holds, in every lane.
inline Floats AllBits(const float* from) {
  int32_t bits;
  std::memcpy(&bits, from, sizeof bits);
  const Ints all = Ints{} + bits;
  return reinterpret_cast<Floats>(all);
}
inline Floats Max(Floats a, Floats b) {
  return a > b ? a : b;
}
/// of(0), of(1), ... of every lane.
#if ROBERTA_LANES == 16
#define ROBERTA_OF_LANES(of) \
  of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7), of(8), of(9), of(10), of(11), of(12), of(13), of(14), of(15)
#elif ROBERTA_LANES == 8
#define ROBERTA_OF_LANES(of) of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)
#else
#define ROBERTA_OF_LANES(of) of(0), of(1), of(2), of(3)
#endif

/// `v` with every lane's partner `by` lanes further on, which is a power of two: what folds a vector in halves.
#define ROBERTA_PARTNER(lane) (lane ^ kBy)
template <size_t kBy>
inline Floats Partners(Floats v) {
  return __builtin_shufflevector(v, v, ROBERTA_OF_LANES(ROBERTA_PARTNER));
}

/// Of two vectors the blocks of kBy lanes that a transposition leaves in the first: those of `a` at even places, and
/// between them, moved up, those of `b`; FirstBlocks(a, b) and SecondBlocks(a, b) hold all that the two hold.
#define ROBERTA_FIRST(lane) ((lane & kBy) != 0 ? kLanes + (lane ^ kBy) : lane)
#define ROBERTA_SECOND(lane) ((lane & kBy) != 0 ? kLanes + lane : (lane ^ kBy))
template <size_t kBy>
inline Floats FirstBlocks(Floats a, Floats b) {
  return __builtin_shufflevector(a, b, ROBERTA_OF_LANES(ROBERTA_FIRST));
}
template <size_t kBy>
inline Floats SecondBlocks(Floats a, Floats b) {
  return __builtin_shufflevector(a, b, ROBERTA_OF_LANES(ROBERTA_SECOND));
}

/// rows[i][j] <-> rows[j][i]: halves of ever smaller blocks change places.
template <size_t kBy = kLanes / 2>
[[gnu::always_inline]] inline void Transpose(Floats* rows) {
  Unrolled<kLanes>([&](auto i) __attribute__((always_inline)) {
    if constexpr ((i & kBy) == 0) {
      const Floats a = rows[i], b = rows[i + kBy];
      rows[i] = FirstBlocks<kBy>(a, b);
      rows[i + kBy] = SecondBlocks<kBy>(a, b);
    }
  });
  if constexpr (kBy > 1) Transpose<kBy / 2>(rows);
}

template <typename Fold>
inline float Folded(Floats v, const Fold& fold) {
#if ROBERTA_LANES >= 16
  v = fold(v, Partners<8>(v));
#endif
#if ROBERTA_LANES >= 8
  v = fold(v, Partners<4>(v));
#endif
  v = fold(v, Partners<2>(v));
  v = fold(v, Partners<1>(v));
  return v[0];
}
inline float Sum(Floats v) {
  return Folded(v, [](Floats a, Floats b) { return a + b; });
}

/// What adds up the same to the bit with vectors of any size: element i goes to sum i % kOrder, and these are folded in
/// halves.
constexpr size_t kOrder = 16;
inline float Largest(Floats v) {
  return Folded(v, [](Floats a, Floats b) { return Max(a, b); });
}

constexpr float kRounder = 12582912.0f;       // 1.5 * 2^23: adding it rounds to an integer in the low bits
constexpr int32_t kRounderBits = 0x4B400000;  // of kRounder

/// e^x for x <= 88, relative error below 2e-7: x = n ln 2 + r, then a polynomial (Cephes, Moshier 1989). 0 below -87;
/// NaN stays NaN, so that a broken model shows.
inline Floats Exp(Floats x) {
  constexpr float kLowest = -87.0f;
  const Floats clamped = Max(x, All(kLowest));
  const Floats scaled = clamped * 1.44269504088896341f;
  const Floats shifted = scaled + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = All(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - kRounderBits + 127) << 23;
  Floats power;
  std::memcpy(&power, &bits, sizeof power);
  const Floats result = p * power;
  return x == x ? (x < All(kLowest) ? Floats{} : result) : x;
}

/// erf, absolute error below 4e-7: x P(x^2) / Q(x^2) with coefficients fitted by iteratively reweighted least squares
/// to the least largest error on [0, 3.92], and 1 beyond, where 1 - erf is less than float32 shows.
inline Floats Erf(Floats x) {
  constexpr float kEdge = 3.92f;
  const Floats square = x * x;
  Floats p = All(2.034731323874439e-6f);
  p = p * square + 2.8748001204803586e-4f;
  p = p * square + 3.8683516904711723e-3f;
  p = p * square + 5.306055769324303e-2f;
  p = p * square + 1.9276461005210876e-1f;
  p = p * square + 1.128378987312317f;
  Floats q = All(3.8070636946940795e-5f);
  q = q * square + 1.188121153973043e-3f;
  q = q * square + 1.5172344632446766e-2f;
  q = q * square + 1.1508484929800034e-1f;
  q = q * square + 5.041648745536804e-1f;
  q = q * square + 1.0f;
  const Floats value = x * p / q;
  return x > All(kEdge) ? All(1.0f) : (x < All(-kEdge) ? All(-1.0f) : value);
}

inline Floats Gelu(Floats x) {
  return x * 0.5f * (Erf(x * 0.70710678118654752f) + 1.0f);
}

/// 1 / (1 + e^-x); NaN stays NaN.
inline Floats Sigmoid(Floats x) {
  return 1.0f / (1.0f + Exp(-Max(All(-87.0f), x)));
}

/// For the floats behind the last whole vector: a vector that holds them, and zeros.
inline Floats LoadSome(const float* from, size_t count) {
  Floats value = {};
  for (size_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}
inline void StoreSome(float* to, Floats value, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = value[i];
}

/// Calls `whole(i)` for every i that starts a whole vector of [0, size) and `rest(i, count)` for what is left.
template <typename Whole, typename Rest>
inline void ForVectors(size_t size, const Whole& whole, const Rest& rest) {
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) whole(i);
  if (i < size) rest(i, size - i);
}

/// Adds up values [0, size): `add(sum, at(i))` for each whole vector, and `add(sum, some_at(i, count))` for what is
/// left, whose other lanes must add nothing.
template <typename At, typename SomeAt, typename Add>
inline float SumInOrder(size_t size, const At& at, const SomeAt& some_at, const Add& add) {
  constexpr size_t kParts = kOrder / kLanes;
  Floats sums[kParts] = {};
  size_t i = 0;
  for (; i + kOrder <= size; i += kOrder) {
    Unrolled<kParts>([&](auto part) __attribute__((always_inline)) { add(sums[part], at(i + part * kLanes)); });
  }
  for (size_t part = 0; i < size; ++part, i += kLanes) {
    if (i + kLanes <= size) {
      add(sums[part], at(i));
    } else {
      add(sums[part], some_at(i, size - i));
    }
  }
  for (size_t half = kParts / 2; half > 0; half /= 2) {
    for (size_t part = 0; part < half; ++part) sums[part] += sums[part + half];
  }
  return Sum(sums[0]);
}

}  // namespace
}  // namespace roberta::kernels
