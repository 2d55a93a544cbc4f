#pragma once

#include <cstddef>
#include <functional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace roberta::reference {

/// Runs `function`, which calls LibTorch, and returns its status. An exception from LibTorch becomes Internal with its
/// message. LibTorch, and OpenBLAS if LibTorch uses it, then compute on the calling thread alone: callers bring their
/// own threads, and thread pools below those would compete with each other. Cheap after a thread's first call.
absl::Status CallTorch(absl::FunctionRef<absl::Status()> function);

/// Calls task(i) for every i below `count` as CallTorch does, and returns the first error by index. `run_all` calls
/// what it is given for each index, on threads of its choice, and returns when all of them have ended.
absl::Status CallTorchForAll(size_t count,
                             const std::function<void(size_t, const std::function<void(size_t)>&)>& run_all,
                             absl::FunctionRef<void(size_t)> task);

}  // namespace roberta::reference
