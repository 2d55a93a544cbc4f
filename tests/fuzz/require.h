#pragma once

#include <cstdlib>

/// What a fuzz target holds to be true of its subject: the fuzzer reports the input for which it is not.
inline void Require(bool condition) {
  if (!condition) std::abort();
}
