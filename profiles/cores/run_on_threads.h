#pragma once

#include <cstddef>
#include <functional>

namespace roberta::cores {

/// Runs task(0) to task(count - 1), each once and about in that order, on `threads` threads (one at least, and no more
/// than tasks), and returns when all have ended. One thread is the calling one. Tasks must not throw.
void RunOnThreads(size_t threads, size_t count, const std::function<void(size_t)>& task);

}  // namespace roberta::cores
