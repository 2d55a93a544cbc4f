#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace roberta::kernels {

/// Normally distributed floats, the same in every run.
inline std::vector<float> RandomFloats(size_t size, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(size);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace roberta::kernels
