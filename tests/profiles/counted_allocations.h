#pragma once

#include <cstdint>

namespace roberta::profiles_test {

/// Calls of operator new in this process so far: what C++ code allocates, not what C libraries do. Negative under a
/// sanitizer, which has an operator new of its own.
int64_t Allocations();

}  // namespace roberta::profiles_test
