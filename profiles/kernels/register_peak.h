#pragma once

#include <optional>
#include <string_view>

#include "profiles/kernels/precision.h"

namespace roberta::kernels {

/// What a core does at most: one instruction over and over on registers, no memory touched.
struct RegisterPeak {
  std::string_view instruction;
  double gops = 0;  ///< 1e9 operations a second, an addition and a multiplication being two
};

/// The fastest of the instructions that multiply in `precision` on this host, on the calling thread, of the best of
/// some measurements of a few milliseconds. Nothing where this host has none that is known here: without AVX2 for
/// float32, VNNI for int8 and AVX512-BF16 for bfloat16, and on other processors than x86-64.
std::optional<RegisterPeak> MeasureRegisterPeak(Precision precision);

/// The same, measured once for the process; 0 for nothing.
double RegisterPeakGops(Precision precision);

}  // namespace roberta::kernels
