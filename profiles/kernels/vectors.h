#pragma once

// Vectors of ROBERTA_LANES floats, which a file that includes this has defined. GCC's vector extensions, which clang
// shares, serve as the type: the same source is AVX-512, AVX2 or plain code. Internal to each translation unit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

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
inline Floats Max(Floats a, Floats b) {
  return a > b ? a : b;
}
/// `v` with every lane's partner `by` lanes further on, which is a power of two: what folds a vector in halves.
template <size_t kBy>
inline Floats Partners(Floats v) {
#if ROBERTA_LANES == 16
  return __builtin_shufflevector(v, v, 0 ^ kBy, 1 ^ kBy, 2 ^ kBy, 3 ^ kBy, 4 ^ kBy, 5 ^ kBy, 6 ^ kBy, 7 ^ kBy, 8 ^ kBy,
                                 9 ^ kBy, 10 ^ kBy, 11 ^ kBy, 12 ^ kBy, 13 ^ kBy, 14 ^ kBy, 15 ^ kBy);
#elif ROBERTA_LANES == 8
  return __builtin_shufflevector(v, v, 0 ^ kBy, 1 ^ kBy, 2 ^ kBy, 3 ^ kBy, 4 ^ kBy, 5 ^ kBy, 6 ^ kBy, 7 ^ kBy);
#else
  return __builtin_shufflevector(v, v, 0 ^ kBy, 1 ^ kBy, 2 ^ kBy, 3 ^ kBy);
#endif
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

/// erf, absolute error below 2e-7: Abramowitz and Stegun 1964, 7.1.26.
inline Floats Erf(Floats x) {
  const Floats magnitude = Max(x, -x);
  const Floats t = 1.0f / (magnitude * 0.3275911f + 1.0f);
  Floats p = All(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Floats value = 1.0f - p * t * Exp(-magnitude * magnitude);
  return x < Floats{} ? -value : value;
}

inline Floats Gelu(Floats x) {
  return x * 0.5f * (Erf(x * 0.70710678118654752f) + 1.0f);
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

}  // namespace
}  // namespace roberta::kernels
