#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace roberta::kernels {

/// While it lives, this thread takes denormal numbers for zero and makes none (FTZ and DAZ of MXCSR): arithmetic on
/// them is up to a hundred times slower, and they are too small to matter here. A no-op elsewhere than on x86-64.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero);
  }
  ~FlushDenormals() {
    _mm_setcsr(before_);
  }
#else
  FlushDenormals() {}
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
  const unsigned before_;
#endif
};

}  // namespace roberta::kernels
